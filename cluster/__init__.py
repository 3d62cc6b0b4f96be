"""Where things run: the controller's loop, the executors, Ray.

``controller`` owns the only loop (core <-> journal <-> executor); an executor starts, feeds and
stops trials and decides nothing. Imports ``search``, ``spaces`` and ``trainables``; Ray is imported
here only, and lazily. Called by ``lanewise``.
"""
