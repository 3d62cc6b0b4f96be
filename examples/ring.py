"""Points on a ring of eight Gaussians, a classic on which generators lose some of their modes."""

import numpy as np


def ring() -> np.ndarray:
    """4000 points [4000, 2] around 8 places on a circle of radius 2, with deviation 0.1 each."""
    rng = np.random.default_rng(0)
    angle = rng.integers(0, 8, 4000) * (np.pi / 4)
    centers = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centers + rng.normal(0, 0.1, (4000, 2))
