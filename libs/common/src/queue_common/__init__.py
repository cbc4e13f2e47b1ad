"""What the API and the worker must agree on.

``task`` is what travels, ``retry`` decides what an attempt leads to, ``queue`` keeps tasks in
Redis, ``settings`` holds the blocks both processes embed, ``log`` and ``events`` are the one
vocabulary of the log lines, ``errors`` names failures by what the caller must do.
"""
