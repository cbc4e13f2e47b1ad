"""Queue System on one machine: starts and stops Valkey, a worker, the API and the dashboard.

``system`` has their order, ``child_process`` runs one of them, ``valkey`` finds the server.
"""
