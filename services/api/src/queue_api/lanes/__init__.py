"""Lanes: their tasks, health and limits; pause, resume, purge."""
