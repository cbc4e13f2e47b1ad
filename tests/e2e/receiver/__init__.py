"""The destination of the suite's tasks, as an image."""
