"""The state of the queue now, and over time."""
