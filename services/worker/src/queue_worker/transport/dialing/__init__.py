"""From a destination to a connected socket: look up, judge, connect, perhaps by a proxy."""
