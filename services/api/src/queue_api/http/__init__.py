"""HTTP below FastAPI: a connection's bytes, until they are a request for the application.

``limits`` is uvicorn's protocol with limits on everything that a client sends, ``timers`` has its
deadlines and ``parsing`` its parser. ``fast_path`` handles plain POSTs of tasks without ASGI, which
``head`` recognises. ``lingering_close`` lets a client that is still sending read a refusal.
``origin`` refuses requests of other sites' pages.
"""
