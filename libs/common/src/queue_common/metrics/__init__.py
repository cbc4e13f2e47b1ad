"""Metrics: their catalog, what a process and Redis count, and the ways to read them."""
