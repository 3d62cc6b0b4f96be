"""Metrics of generated rows beside real ones, in standardised units. N rows, D values of a row.

Outputs and targets [..., N, D]: as many generated as real rows, in no common order. All but the
first look at distances between rows, of at most 2048 of each, evenly taken; they are NaN where a
generated value is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_MOST = 2048  # rows: the distances of more take long, and say little more
_NEIGHBOURS = 3  # of Kynkäänniemi et al.


def wasserstein(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """The mean over columns of the Wasserstein-1 distance; 0 where every column is distributed as
    the real one, however the columns go together.
    """
    apart = output.double().sort(-2).values - y.double().sort(-2).values
    return apart.abs().mean((-2, -1))


def two_sample(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """How often a classifier tells held-out rows' origin; 0.5 is chance, 1 is no resemblance.

    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", 2017, with k nearest neighbours,
    k = √n made odd. It learns from every other row of both kinds and is asked of the rest.
    """
    fake, real = _few(output), _few(y)
    count = min(fake[..., ::2, :].shape[-2], fake[..., 1::2, :].shape[-2])
    known = torch.cat([real[..., ::2, :][..., :count, :], fake[..., ::2, :][..., :count, :]], -2)
    asked = torch.cat([real[..., 1::2, :], fake[..., 1::2, :]], -2)
    k = min(math.isqrt(2 * count) | 1, 2 * count - 1)
    nearest = _apart(asked, known).topk(k, -1, largest=False).indices
    says_fake = (nearest >= count).double().mean(-1) > 0.5
    is_fake = torch.arange(2 * count, device=y.device) >= count
    return (says_fake == is_fake).double().mean(-1) + _nan_of(output)


def precision(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """The share of generated rows that lie where real ones do: no further from one of these than
    its third-nearest real neighbour.

    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models",
    2019, on the rows themselves instead of a network's features.
    """
    return _covered(_few(output), _few(y)) + _nan_of(output)


def recall(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """The share of real rows that lie where generated ones do, as `precision`."""
    return _covered(_few(y), _few(output)) + _nan_of(output)


def _covered(asked: Tensor, known: Tensor) -> Tensor:
    """The share of rows inside the ball around any known one that its neighbours set."""
    k = min(_NEIGHBOURS + 1, known.shape[-2])  # the nearest is itself
    radius = _apart(known, known).kthvalue(k, -1).values
    return (_apart(asked, known) <= radius.unsqueeze(-2)).any(-1).double().mean(-1)


def _few(rows: Tensor) -> Tensor:
    count = rows.shape[-2]
    places = torch.arange(min(count, _MOST), device=rows.device) * count // min(count, _MOST)
    return rows[..., places, :].double()


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Distances [..., N, M]; exact, so that equal rows are at 0."""
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")


def _nan_of(output: Tensor) -> Tensor:
    """0, or NaN where a value is none."""
    return 0 * output.double().sum((-2, -1))
