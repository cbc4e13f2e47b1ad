"""What the processes tell of themselves: the traces of tasks, and metrics.

Of traces: ``trace_context`` is what travels from process to process, ``sampling`` decides which
traces are recorded, ``trace_thinning`` which attempts of a task that fails for a day; ``spans``
makes spans with the names of ``span_names``, ``span_export`` sends them, ``tracing`` holds all
together.

Of metrics: ``metrics_table`` names them all, ``metrics`` counts, ``metrics_redis`` shows what Redis
counts, ``metrics_site`` serves them, ``metrics_push`` sends them, ``metrics_process`` holds all
together.
"""
