"""The queue's storage in Redis: records, keys, scripts, connections, durability, retention."""
