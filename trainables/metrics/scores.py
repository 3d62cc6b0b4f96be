"""Metrics over whole parts, in torch. N rows, C outputs; any dimensions before them stay.

Outputs are logits [..., N, C] (one logit for binary) or standardised values [..., N, 1]; targets
[..., N] are as in `dataset.Fold`. mse, rmse and mae are in the target's own units, their square
where squared. Where a part lacks classes, scores are means over the classes that it has; what is
not defined at all (the ROC AUC of a part with one class) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module

import torch
from torch import Tensor

from lanewise.trainables.metrics.anomaly import best_threshold, f1_above, row_scores
from lanewise.trainables.metrics.losses import Loss, log_probabilities
from lanewise.trainables.metrics.names import BASE

Score = Callable[[Tensor, Tensor, float | Tensor], Tensor]  # outputs, targets, scale → [...]


def predicted_codes(output: Tensor) -> Tensor:
    """The class of each row; int64 [..., N]."""
    if output.shape[-1] == 1:
        return (output[..., 0] > 0).long()
    return output.argmax(-1)


def accuracy(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return (predicted_codes(output) == y).double().mean(-1)


def _confusion(output: Tensor, y: Tensor) -> Tensor:
    """Rows by class and predicted class; float64 [..., C, C]."""
    classes = max(2, output.shape[-1])
    places = y.long() * classes + predicted_codes(output)
    counts = torch.zeros(*y.shape[:-1], classes**2, dtype=torch.float64, device=y.device)
    counts.scatter_add_(-1, places, torch.ones_like(places, dtype=torch.float64))
    return counts.view(*y.shape[:-1], classes, classes)


def _mean_of(values: Tensor, defined: Tensor) -> Tensor:
    """The mean over the last dimension of what is defined; NaN where nothing is."""
    return torch.where(defined, values, 0.0).sum(-1) / defined.sum(-1)


def balanced_accuracy(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """The mean recall of the classes that the part has."""
    counts = _confusion(output, y)
    rows = counts.sum(-1)
    return _mean_of(counts.diagonal(dim1=-2, dim2=-1) / rows, rows > 0)


def f1(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """Of the positive class, 0 if it is neither there nor predicted; multi-class: the mean over
    the classes that are there or predicted.
    """
    counts = _confusion(output, y)
    found, either = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1) + counts.sum(-2)
    if output.shape[-1] == 1:
        return 2 * found[..., 1] / either[..., 1].clamp_min(1)
    return _mean_of(2 * found / either, either > 0)


def roc_auc(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """The chance that a row of a class scores above one of another; a tie counts half.

    Multi-class: one against the rest, the mean over the classes.
    """
    log_p = log_probabilities(output.double())
    classes = [1] if output.shape[-1] == 1 else range(output.shape[-1])
    areas = torch.stack([_area(log_p[..., c], y == c) for c in classes], -1)
    return _mean_of(areas, areas.isfinite()) + 0 * log_p.sum((-1, -2))  # NaN if an output is


def _area(score: Tensor, positive: Tensor) -> Tensor:
    """Hanley and McNeil, 1982: the Mann-Whitney statistic, from mid-ranks; NaN for one class."""
    ordered, score = score.sort(-1).values, score.contiguous()
    below = torch.searchsorted(ordered, score)
    upto = torch.searchsorted(ordered, score, right=True)
    rank = (below + upto + 1).double() / 2
    ours = positive.sum(-1).double()
    others = positive.shape[-1] - ours
    return ((rank * positive).sum(-1) - ours * (ours + 1) / 2) / (ours * others)


def log_loss(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """Mean of −log of the probability given to the row's class, whatever loss trains."""
    log_p = log_probabilities(output.double())
    return -log_p.gather(-1, y.long().unsqueeze(-1)).squeeze(-1).mean(-1)


def _errors(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """Of every value, [..., N·O]; targets may have further columns behind."""
    if y.ndim < output.ndim:
        return (output[..., 0].double() - y.double()) * scale
    return ((output.double() - y[..., : output.shape[-1]].double()) * scale).flatten(-2)


def mse(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return _errors(output, y, scale).square().mean(-1)


def rmse(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return mse(output, y, scale).sqrt()


def mae(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return _errors(output, y, scale).abs().mean(-1)


def r2(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    unexplained = _errors(output, y, 1.0).square().sum(-1)
    y = y.double() if y.ndim < output.ndim else y[..., : output.shape[-1]].double().flatten(-2)
    return 1 - unexplained / (y - y.mean(-1, keepdim=True)).square().sum(-1)


def skill(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """1 − MAE / MAE of the seasonal-naive forecast, which targets have behind them, in standardised
    units: 0 is no better than that, 1 is perfect.
    """
    horizon = output.shape[-1]
    naive = _errors(y[..., horizon:], y, 1.0).abs().mean(-1)
    return 1 - _errors(output, y, 1.0).abs().mean(-1) / naive


def _of_normal_rows(score: Score) -> Score:
    """Errors of normal rows; see `losses.of_normal_rows`."""

    def normal(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
        is_normal, values = 1 - y[..., -1:], y[..., :-1]
        kept = torch.where(is_normal > 0, output, values)
        return score(kept, values, scale) / is_normal.double().mean((-2, -1))

    return normal


def anomaly_roc_auc(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    found = row_scores(output, y[..., :-1])
    return _area(found, y[..., -1] > 0) + 0 * found.sum(-1)  # NaN if an output is


def anomaly_mse(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return _of_normal_rows(mse)(output, y, scale)


def _best(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return best_threshold(row_scores(output, y[..., :-1]), y[..., -1])


def anomaly_r2(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """Of normal rows, beside their own mean."""
    is_normal, values = 1 - y[..., -1:].double(), y[..., :-1].double()
    unexplained = ((output.double() - values).square() * is_normal).sum((-2, -1))
    mean = (values * is_normal).mean((-2, -1)) / is_normal.mean((-2, -1))
    total = ((values - mean[..., None, None]).square() * is_normal).sum((-2, -1))
    return 1 - unexplained / total


def anomaly_f1(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return _best(output, y)[1]


def anomaly_threshold(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return _best(output, y)[0]


def anomaly_rmse(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return anomaly_mse(output, y, scale).sqrt()


def anomaly_mae(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    return _of_normal_rows(mae)(output, y, scale)


def at_threshold(threshold: float) -> dict[str, Score]:
    """The metrics of anomalies that need a threshold, with one that is known."""

    def f1(output: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
        return f1_above(row_scores(output, y[..., :-1]), y[..., -1], threshold)

    return {
        "f1": f1,
        "threshold": lambda output, y, scale: torch.tensor(threshold, dtype=torch.float64),
    }


@cache
def scores_of(task: str) -> dict[str, Score]:
    """The metrics of a task by name, without "loss"; of no task ("") those of most."""
    named = {name: metric.of_task.get(task, metric.score) for name, metric in BASE.items()}
    return {name: _load(reference) for name, reference in named.items() if reference}


def _load(reference: str) -> Score:
    module, _, name = reference.partition(":")
    found: Score = getattr(import_module(f"{__package__}.{module}"), name)
    return found


def score(
    names: Iterable[str],
    output_NC: Tensor,
    y_N: Tensor,
    loss_of: Loss,
    scale: float | Tensor,
    task: str = "",
    instead: Mapping[str, Score] | None = None,
) -> dict[str, float]:
    """The metrics of one part; names are without their part ("loss", "accuracy").

    Args:
        instead: metrics in the place of the task's own of that name.
    """
    scores = {**scores_of(task), **(instead or {})}
    with torch.no_grad():
        return {
            name: float(
                loss_of(output_NC, y_N) if name == "loss" else scores[name](output_NC, y_N, scale)
            )
            for name in names
        }
