"""A model over HTTP: rows in, answers out.

``server`` runs ``app`` (ASGI) under uvicorn; ``answering`` turns bodies into answers in one worker
thread, ``batcher`` brings together what waits for it. Any ``model.Model`` is served, and replaced
when its ``model.Source`` moves on. ``folder`` writes the server and a model into a folder that
needs neither Lanewise nor torch. Starlette and uvicorn are imported here only.
"""
