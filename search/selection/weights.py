"""Bootstraps of rows: how often each row is drawn. B bootstraps, N rows, G clusters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lanewise.search.selection.sample import Array

BOOTSTRAPS = 1000
_SEED = 20261128
_ROUNDS = 20  # of drawing, where some bootstraps are of no use


def draw(
    clusters_N: Array,
    is_defined: Callable[[Array], Array],
    count: int = BOOTSTRAPS,
    seed: int = _SEED,
) -> Array:
    """Multinomial weights [B, N]: clusters are drawn with replacement, with all of their rows.

    Args:
        is_defined: which of some weights [b, N] the statistic is defined for. Only such bootstraps
            are taken of which that holds for the rows drawn and for the others.

    Returns:
        float32; fewer than `count` where few are of use, none for one cluster.
    """
    rng = np.random.Generator(np.random.SFC64(seed))
    names, cluster_of_N = np.unique(clusters_N, return_inverse=True)
    groups = len(names)
    found: list[Array] = []
    for _ in range(_ROUNDS if groups > 1 else 0):
        drawn = rng.integers(0, groups, (count, groups))
        flat = drawn + groups * np.arange(count)[:, None]
        counts_BG = np.bincount(flat.ravel(), minlength=count * groups).reshape(count, groups)
        weights_BN = counts_BG.astype(np.float32)[:, cluster_of_N]
        others_BN = out_of_bag(weights_BN)
        usable = others_BN.any(1) & is_defined(weights_BN) & is_defined(others_BN)
        found.append(weights_BN[usable])
        if sum(map(len, found)) >= count:
            break
    return np.concatenate([np.empty((0, len(clusters_N)), np.float32), *found])[:count]


def out_of_bag(weights_BN: Array) -> Array:
    """Weights of the rows that were not drawn."""
    return np.equal(weights_BN, 0).astype(np.float32)
