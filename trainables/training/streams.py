"""Every random draw of a trial comes from a stream named (seed, replica, purpose, epoch).

No stream is shared and none is continued from one epoch to the next: epoch 7 draws the same
numbers after a restart, in a pack, and alone.
"""

from __future__ import annotations

import numpy as np

from lanewise.trainables.data.table import Array

PURPOSES = ("init", "order", "dropout", "noise", "augment", "split")
_LEVELS = 65536  # of the 16-bit numbers that masks are cut from


def stream(seed: int, replica: int, purpose: str, epoch: int) -> np.random.Generator:
    """A fresh SFC64 generator; the same for the same four arguments."""
    key = [seed % 2**64, replica, PURPOSES.index(purpose), epoch]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))


def torch_seed(seed: int, replica: int, purpose: str, epoch: int) -> int:
    """A seed for torch's own generators (63 bits)."""
    return int(stream(seed, replica, purpose, epoch).integers(2**63))


def order(seed: int, replica: int, epoch: int, rows: int) -> Array:
    """The permutation of the training rows in one epoch; int64 [rows]."""
    return stream(seed, replica, "order", epoch).permutation(rows)


def balanced(seed: int, replica: int, epoch: int, codes: Array) -> Array:
    """Training rows of one epoch, drawn with replacement so that every class is as likely.

    As torch's WeightedRandomSampler with weights 1 / n_c; int64 [rows].

    Args:
        codes: class of each row, [rows].
    """
    _, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    chance = 1 / (len(counts) * counts[place.reshape(-1)])
    generator = stream(seed, replica, "order", epoch)
    return generator.choice(len(codes), len(codes), p=chance / chance.sum())


def keep_mask(generator: np.random.Generator, size: int, p: float) -> Array:
    """Bool [size], False with probability p to within 1/65536.

    Raw 16-bit words against a threshold: seven times as fast as drawing floats.
    """
    words = generator.bit_generator.random_raw((size + 3) // 4)
    return np.asarray(words, dtype=np.uint64).view(np.uint16)[:size] >= keep_threshold(p)


def normals(generator: np.random.Generator, size: int) -> Array:
    """Float64 [size], standard normal; see `normals_of`."""
    words = generator.bit_generator.random_raw((size + 1) // 2)
    return normals_of(np.asarray(words, dtype=np.uint64))[:size]


def normals_of(words: Array) -> Array:
    """Two standard normal numbers of each 64-bit word, [..., 2 · words].

    Box & Muller, "A Note on the Generation of Random Normal Deviates", 1958. From raw words, so
    that many steps' can be drawn at once and cut apart.
    """
    halves = words.view(np.uint32).reshape(*words.shape[:-1], -1, 2)
    radius = np.sqrt(-2 * np.log((halves[..., 0] + 1.0) / 2.0**32))
    angle = halves[..., 1] * (2 * np.pi / 2.0**32)
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return pairs.reshape(*words.shape[:-1], -1)


def keep_threshold(p: float) -> int:
    """The least 16-bit number that keeps a unit."""
    return round(p * _LEVELS)
