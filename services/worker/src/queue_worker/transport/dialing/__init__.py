"""Connecting to a destination: look-up, egress guard, connection, proxy."""
