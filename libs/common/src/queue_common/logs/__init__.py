"""Log lines: their setup, and the names of events and fields."""
