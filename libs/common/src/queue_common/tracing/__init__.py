"""Traces: the context that a task carries, sampling, spans and their export."""
