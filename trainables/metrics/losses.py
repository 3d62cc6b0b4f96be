"""Losses by name, and what label smoothing and class weights make of them. N rows, C outputs.

Outputs and targets as in `scores.py`, with lanes in front or without. What is reported is always
the plain loss of that name, so that trials with different settings can be compared; what is
descended may be the shaped one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

Loss = Callable[..., Tensor]  # outputs [..., N, C], targets [..., N] → mean over N
Criterion = Callable[..., tuple[Tensor, Tensor]]  # what to descend, what to report
# Losses and criteria of supervised tasks take a third: the weight of each row, [..., N].
Options = Mapping[str, Any]


def _cross_entropy(options: Options) -> Loss:
    def loss(output: Tensor, y: Tensor, rows: Tensor | None = None) -> Tensor:
        if rows is not None:
            return classification_loss(output, y, rows=rows)
        if output.shape[-1] == 1:
            if output.ndim == 2:
                return F.binary_cross_entropy_with_logits(output.squeeze(1), y)
            each = F.binary_cross_entropy_with_logits(output.squeeze(-1), y, reduction="none")
            return each.mean(-1)
        if output.ndim == 2:
            return F.cross_entropy(output, y)
        # Classes before rows: over a last dimension of a few, torch's kernel is eight times slower.
        log_p = output.transpose(-1, -2).contiguous().log_softmax(-2)
        return -log_p.gather(-2, y.unsqueeze(-2)).squeeze(-2).mean(-1)

    return loss


def _focal(options: Options) -> Loss:
    gamma = options["gamma"]
    return lambda output, y, rows=None: classification_loss(output, y, gamma, rows=rows)


def _regression(function: Callable[..., Tensor]) -> Callable[[Options], Loss]:
    """A loss of torch.nn.functional, whose options have its names.

    Of several values a row, the mean over them; targets may have further columns behind.
    """

    def make(options: Options) -> Loss:
        own = {key: value for key, value in options.items() if key != "name"}

        def loss(output: Tensor, y: Tensor, rows: Tensor | None = None) -> Tensor:
            if rows is not None:
                each = function(output.squeeze(-1), y, reduction="none", **own)
                return (rows * each).mean(-1)
            if y.ndim == output.ndim:
                y = y[..., : output.shape[-1]]
                return function(output, y, reduction="none", **own).mean((-2, -1))
            if output.ndim == 2:
                return function(output.squeeze(1), y, **own)
            return function(output.squeeze(-1), y, reduction="none", **own).mean(-1)

        return loss

    return make


def _wasserstein(options: Options) -> Loss:
    """Mean over columns of the Wasserstein-1 distance between two samples of equal size."""
    return lambda output, y: (output.sort(-2).values - y.sort(-2).values).abs().mean((-2, -1))


LOSSES: dict[str, Callable[[Options], Loss]] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _cross_entropy,
    "focal": _focal,
    "mse": _regression(F.mse_loss),
    "mae": _regression(F.l1_loss),
    "huber": _regression(F.huber_loss),
    "smooth_l1": _regression(F.smooth_l1_loss),
    "wasserstein": _wasserstein,
}


def make_loss(loss: Options, task: str = "") -> Loss:
    """The plain loss of a complete section such as {"name": "huber", "delta": 1.0}."""
    made = LOSSES[loss["name"]](loss)
    return of_normal_rows(made) if task == "anomaly" else made


def of_normal_rows(loss: Loss) -> Loss:
    """Of rows whose target's last column, which says that they are anomalies, is 0.

    An anomaly is not to be reconstructed. Their rows count as rows without an error.
    """

    def normal(output: Tensor, y: Tensor) -> Tensor:
        is_normal = 1 - y[..., -1:]
        values = y[..., :-1]
        share = is_normal.mean((-2, -1))
        return loss(torch.where(is_normal > 0, output, values), values) / share

    return normal


def make_criterion(
    loss: Options, smoothing: float | Tensor, weight: Tensor | None, task: str = ""
) -> Criterion:
    """What training descends, and beside it the plain loss; one computation where they are one.

    Args:
        smoothing: label smoothing in [0, 1), or one of each lane, [K]; classification only.
        weight: of each class, [C], or of each lane's, [K, C].
    """
    plain = make_loss(loss, task)
    if isinstance(smoothing, float | int) and not smoothing and weight is None:

        def same(output: Tensor, y: Tensor, *rows: Tensor) -> tuple[Tensor, Tensor]:
            found = plain(output, y, *rows)
            return found, plain(output.detach(), y) if rows else found.detach()

        return same

    gamma = loss.get("gamma", 0.0)

    def shaped(output: Tensor, y: Tensor, *rows: Tensor) -> tuple[Tensor, Tensor]:
        descended = classification_loss(output, y, gamma, smoothing, weight, *rows)
        return descended, plain(output.detach(), y)

    return shaped


def classification_loss(
    output: Tensor,
    y: Tensor,
    gamma: float = 0.0,
    smoothing: float | Tensor = 0.0,
    weight: Tensor | None = None,
    rows: Tensor | None = None,
) -> Tensor:
    """Σ over rows and classes of t·w·(1 − p)^gamma·(−log p), divided by Σ over rows of w.

    t is 1 − smoothing at the row's class plus smoothing / C everywhere; w in the sum over rows is
    that of the row's class. gamma = 0 is torch's cross_entropy with its `weight` and
    `label_smoothing`; gamma > 0 the focal loss of Lin et al., "Focal Loss for Dense Object
    Detection", 2017, eq. 4. One logit counts as the two logits (0, z).

    Args:
        output: [..., N, C]; y: [..., N].
        smoothing: one, or [...]; weight: [..., C].
        rows: what each row's terms are multiplied by, [..., N]; its mean over all rows is 1.
    """
    log_p = log_probabilities(output)
    codes = y.long().unsqueeze(-1)
    terms = -log_p
    if gamma:
        # Not 0 to the power: its slope is infinite below gamma = 1.
        other = -torch.expm1(log_p).clamp_max(-torch.finfo(log_p.dtype).tiny)
        terms = terms * other**gamma
    if rows is not None:
        terms = terms * rows.unsqueeze(-1)
    total_weight: Tensor | int = y.shape[-1]
    if weight is not None:
        weight = weight.unsqueeze(-2)
        terms = terms * weight
        total_weight = weight.expand_as(log_p).gather(-1, codes).sum((-2, -1))
    total = (1 - smoothing) * terms.gather(-1, codes).sum((-2, -1))
    if isinstance(smoothing, Tensor) or smoothing:
        total = total + smoothing / terms.shape[-1] * terms.sum((-2, -1))
    return total / total_weight


def log_probabilities(output: Tensor) -> Tensor:
    """Of each class, from logits [..., N, C], or from one logit of a binary task [..., N, 1]."""
    if output.shape[-1] == 1:
        return torch.cat([F.logsigmoid(-output), F.logsigmoid(output)], -1)
    return output.log_softmax(-1)


def class_weights(setting: Any, y_N: Tensor, classes: int, dtype: torch.dtype) -> Tensor | None:
    """`class_weight` as a tensor [C] for a training part with targets `y_N`; None for none.

    "balanced" is n / (C·n_c), as in scikit-learn, over the C classes that the part has.
    """
    if setting is None:
        return None
    if setting != "balanced":
        return torch.tensor(setting, dtype=dtype, device=y_N.device)
    counts_C = torch.bincount(y_N.long(), minlength=classes).to(torch.float64)
    present = counts_C > 0
    balanced_C = len(y_N) / (present.sum() * counts_C)
    return torch.where(present, balanced_C, 1.0).to(dtype)  # none of 1.0: no row has its class
