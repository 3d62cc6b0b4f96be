"""What an evaluation gives for each row that is resampled, in torch. N rows, C outputs.

Outputs, targets and scale as in `scores`, of a whole part, with lanes in front or without.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lanewise.trainables.data.table import Array
from lanewise.trainables.metrics.anomaly import row_scores
from lanewise.trainables.metrics.losses import Loss, log_probabilities
from lanewise.trainables.metrics.resampling import Resampled
from lanewise.trainables.metrics.scores import mae, mse, predicted_codes, scores_of


@torch.no_grad()
def row_values(
    of: Resampled, fold: int, output: Tensor, y: Tensor, loss_of: Loss, scale: float | Tensor
) -> Array:
    """The values [..., columns, n] of the fold's n rows that are kept."""
    rows = torch.from_numpy(of.rows[fold]).to(output.device)
    kept = output.index_select(-2, rows)
    target = y.index_select(-2 if y.ndim == output.ndim else -1, rows)
    whole = y
    if of.task == "anomaly" and of.metric not in ("loss", "roc_auc"):  # of normal rows alone
        is_normal_N = whole[..., -1].reshape(-1, whole.shape[-2])[0] == 0
        target, whole = target[..., :-1], whole[..., is_normal_N, :-1]
    if of.metric == "roc_auc":
        values = _scores(kept, target, is_error=of.task == "anomaly")
    elif of.metric == "f1":
        values = predicted_codes(kept).unsqueeze(-2)
    elif of.metric in ("accuracy", "balanced_accuracy"):
        values = (predicted_codes(kept) == target).unsqueeze(-2)
    else:
        values = _of_single_rows(of.metric, kept, target, loss_of, scale, whole).unsqueeze(-2)
    if values.is_floating_point():
        values = values.float()
    return values.cpu().numpy()


def _scores(output: Tensor, y: Tensor, *, is_error: bool) -> Tensor:
    """By which rows are ranked: one, the error where that is it, or one for each class."""
    if is_error:
        return row_scores(output, y[..., :-1]).unsqueeze(-2)
    if output.shape[-1] == 1:
        return output.transpose(-1, -2)
    return log_probabilities(output.double()).transpose(-1, -2)


def _of_single_rows(
    metric: str, output: Tensor, y: Tensor, loss_of: Loss, scale: float | Tensor, whole: Tensor
) -> Tensor:
    """A metric that is a mean over rows, of each row alone, [..., n].

    What R² and skill compare with is that of the whole part.
    """
    is_wide = y.ndim == output.ndim
    alone, target = output.unsqueeze(-2), y.unsqueeze(-2 if is_wide else -1)
    if metric == "loss":
        return loss_of(alone, target)
    if metric == "r2":
        return 1 - mse(alone, target, 1.0) / _variance(output, whole)
    if metric == "skill":
        horizon = output.shape[-1]
        naive = (whole[..., horizon:].double() - whole[..., :horizon].double()).abs()
        return 1 - mae(alone, target, 1.0) / naive.mean((-2, -1)).unsqueeze(-1)
    name = "mse" if metric == "rmse" else metric
    return scores_of("")[name](alone, target, scale)


def _variance(output: Tensor, y: Tensor) -> Tensor:
    """Of all values of the part, [..., 1]."""
    values = y.double() if y.ndim < output.ndim else y[..., : output.shape[-1]].double().flatten(-2)
    return values.var(-1, correction=0, keepdim=True)
