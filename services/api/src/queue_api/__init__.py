"""The HTTP side: accepts tasks and tells what became of them.

A POST comes in at ``routes/tasks.py``: plain ones by ``http/fast_path``, which takes the steps
there without ASGI, the others by FastAPI. ``body`` reads it within its limit, ``parse`` makes a
task of it with the types of ``schemas`` and the rules of ``checks``, and ``enqueue`` hands it to
the queue.
``errors`` finds all that is wrong with a body, ``problems`` turns every failure into its answer.
"""
