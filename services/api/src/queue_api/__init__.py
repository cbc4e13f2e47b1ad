"""The API: accepts tasks and reports their state.

``tasks.routes`` handles a POST. Plain ones reach it by ``http.fast_path``, without ASGI, the others
by FastAPI. In ``tasks``, ``body`` reads the body within its limit, ``parse`` converts it to a task
by the types of ``schemas`` and the rules of ``checks``, and ``enqueue`` submits it to the queue.
``errors`` finds all errors of a body, and ``problems`` converts every failure to a response.
"""
