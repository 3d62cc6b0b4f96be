"""Learning curves of four small workloads, recorded once, for samplers and schedulers to replay.

`load(name)` reads one; `record_curves.py` made them from the sweep files here.
"""
