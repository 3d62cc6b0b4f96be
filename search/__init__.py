"""Which configuration comes next, and who stops.

``core`` is a deterministic state machine (events in, decisions out; no clock, no global
randomness), ``samplers`` and ``schedulers`` are plain dicts of algorithms, ``control`` has the one
loop and the simulator, ``store`` makes events durable, ``testing`` checks samplers and schedulers
of one's own. Imports ``spaces`` only; never Ray, torch or MLflow. Called by ``cluster``,
``dashboards`` (which only read) and ``lanewise``.
"""
