"""Servers on the loopback that tests script byte by byte, and a proxy."""
