"""How a worker claims and settles: its lease, its batches, and what it does after a lost reply."""
