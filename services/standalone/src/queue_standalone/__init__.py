"""Queue System on one machine: Valkey, the API and a worker, started and stopped in order.

``system`` holds the order, ``part`` one process of it, ``valkey`` finds the server.
"""
