"""The HTTP side: accepts tasks and tells what became of them.

A POST comes in at ``routes/tasks.py``, is read by ``body``, checked by ``schemas`` and ``checks``,
and handed to the queue by ``enqueue``. ``problems`` turns every failure into its answer.
"""
