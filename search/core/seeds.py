"""One way to derive randomness: from the sweep's seed and the numbers that name its use."""

from __future__ import annotations

import numpy as np


def generator(seed: int, *keys: int) -> np.random.Generator:
    """A fresh generator for (seed, keys); equal arguments give equal draws."""
    return np.random.default_rng([seed, *keys])


def derive(seed: int, *keys: int) -> int:
    """A 32-bit seed for (seed, keys), for libraries that want an integer."""
    return int(np.random.SeedSequence([seed, *keys]).generate_state(1)[0])


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial: every random stream of its training starts here."""
    return derive(seed, number)
