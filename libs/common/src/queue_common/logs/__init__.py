"""Log lines: how they are set up and written, and the names of events and fields."""
