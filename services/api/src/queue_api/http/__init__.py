"""HTTP below FastAPI: one connection's bytes, until they are a request for the application.

``limits`` is uvicorn's protocol with bounds for whatever a client sends; ``fast_path`` takes plain
POSTs of tasks past ASGI, as ``head`` recognises them; ``lingering_close`` sees to it that a client
that is refused while it sends can read the refusal; ``origin`` refuses what pages of other sites
have a browser send.
"""
