"""How the queue lies in Redis: records, scripts, connections, durability, retention."""
