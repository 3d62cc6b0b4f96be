"""Metrics of finding anomalies by what a model cannot reconstruct. N rows, D values of a row.

Outputs [..., N, D] and targets [..., N, D + 1]: the row itself, and whether it is an anomaly (1) or
normal (0). A row's score is its mean squared error.
"""

from __future__ import annotations

import torch
from torch import Tensor


def row_scores(output: Tensor, values: Tensor) -> Tensor:
    """The mean squared error of each row, [..., N], float64."""
    return (output.double() - values.double()).square().mean(-1)


def best_threshold(score: Tensor, is_anomaly: Tensor) -> tuple[Tensor, Tensor]:
    """The threshold above which rows are called anomalies that gives the best F1, and that F1.

    Halfway between two rows' scores, or just below the lowest; of equals the highest. F1 is 0
    where there is no anomaly; both are NaN where a score is not finite.

    Args:
        score, is_anomaly: [..., N]; float64.
    """
    ordered, places = score.sort(stable=True, dim=-1, descending=True)
    found = is_anomaly.double().gather(-1, places).cumsum(-1)
    called = torch.arange(1, score.shape[-1] + 1, device=score.device, dtype=torch.float64)
    lowest = ordered[..., -1:]
    below = torch.cat([ordered[..., 1:], lowest.nextafter(torch.full_like(lowest, -1.0))], -1)
    f1 = torch.where(ordered > below, f1_of(found, called, found[..., -1:]), -1.0)  # ties together
    best, place = f1.max(-1, keepdim=True)
    above, below = ordered.gather(-1, place), below.gather(-1, place)
    halfway = (above + below) / 2
    threshold = torch.where(halfway < above, halfway, below)  # two neighbours have no middle
    nothing = 0 * score.sum(-1)
    return threshold.squeeze(-1) + nothing, best.squeeze(-1) + nothing


def f1_above(score: Tensor, is_anomaly: Tensor, threshold: float) -> Tensor:
    """The F1 of calling those rows anomalies whose score is above the threshold, [...]."""
    called = (score > threshold).double()
    found = (called * is_anomaly).sum(-1)
    return f1_of(found, called.sum(-1), is_anomaly.double().sum(-1)) + 0 * score.sum(-1)


def f1_of(found: Tensor, called: Tensor, there: Tensor) -> Tensor:
    """2·found / (called + there): the harmonic mean of precision and recall; 0 for none."""
    return 2 * found / (called + there).clamp_min(1)
