"""What the processes tell of themselves: traces of tasks, and metrics.

Of metrics, ``metrics_table`` names them all, ``metrics`` counts, ``metrics_redis`` shows what Redis
counts, ``metrics_site`` serves them and ``metrics_push`` sends them to a collector.
"""
