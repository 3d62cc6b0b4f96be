"""Code that users bring: references to it, how it is called, what it reads, and trying it once.

Nothing here trains; `rehearsal` runs a user's `build` on a few rows before the first trial.
"""
