"""Traces: contexts that travel with a task, sampling, spans and their export."""
