"""The pure core: which configuration comes next, and who stops.

``Sweep`` is a deterministic state machine (events in, decisions out; no clock, no global
randomness), ``Journal`` makes its events durable, samplers and schedulers are plain dicts.
Imports ``spaces`` only; never Ray, torch or MLflow. Called by ``cluster``, ``dashboards`` (which
only read) and ``lanewise``.
"""
