"""Replays of recorded trainings: `tasks` are what is replayed, `contenders` who plays.

`regret.py` is the benchmark that is made of them.
"""
