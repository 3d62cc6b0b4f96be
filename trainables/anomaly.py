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

    Halfway between two rows' scores; of equals the highest. F1 is 0 where there is no anomaly.

    Args:
        score, is_anomaly: [..., N].
    """
    ordered, places = score.sort(stable=True, dim=-1, descending=True)
    found = is_anomaly.double().gather(-1, places).cumsum(-1)
    called = torch.arange(1, score.shape[-1] + 1, device=score.device, dtype=torch.float64)
    f1 = 2 * found / (called + found[..., -1:]).clamp_min(1)
    below = torch.cat([ordered[..., 1:], ordered[..., -1:]], -1)
    f1 = torch.where(ordered > below, f1, -1.0)  # equal scores fall on one side
    f1[..., -1] = 2 * found[..., -1] / (score.shape[-1] + found[..., -1]).clamp_min(1)
    best, place = f1.max(-1, keepdim=True)
    halfway = (ordered.gather(-1, place) + below.gather(-1, place)) / 2
    return halfway.squeeze(-1), best.squeeze(-1)
