"""Losses, and metrics over whole parts, in torch. N rows, C outputs.

Outputs are logits [N, C] (one logit for binary) or standardised values [N, 1]; targets are as in
`dataset.Fold`. mse, rmse and mae are in the target's own units, their square where squared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiclass": lambda output_NC, y_N: F.cross_entropy(output_NC, y_N),
    "binary": lambda output_NC, y_N: F.binary_cross_entropy_with_logits(output_NC.squeeze(1), y_N),
    "regression": lambda output_NC, y_N: F.mse_loss(output_NC.squeeze(1), y_N),
}


def predicted_codes(output_NC: Tensor) -> Tensor:
    """The class of each row; int64 [N]."""
    if output_NC.shape[1] == 1:
        return (output_NC[:, 0] > 0).long()
    return output_NC.argmax(1)


def _accuracy(output_NC: Tensor, y_N: Tensor, scale: float) -> Tensor:
    return (predicted_codes(output_NC) == y_N).double().mean()


def _errors(output_NC: Tensor, y_N: Tensor, scale: float) -> Tensor:
    return (output_NC[:, 0].double() - y_N.double()) * scale


def _mse(output_NC: Tensor, y_N: Tensor, scale: float) -> Tensor:
    return _errors(output_NC, y_N, scale).square().mean()


def _mae(output_NC: Tensor, y_N: Tensor, scale: float) -> Tensor:
    return _errors(output_NC, y_N, scale).abs().mean()


def _r2(output_NC: Tensor, y_N: Tensor, scale: float) -> Tensor:
    y = y_N.double()
    unexplained = _errors(output_NC, y_N, 1.0).square().sum()
    return 1 - unexplained / (y - y.mean()).square().sum()


# (outputs, targets, standard deviation of the original target) → scalar
SCORES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "accuracy": _accuracy,
    "mse": _mse,
    "rmse": lambda output_NC, y_N, scale: _mse(output_NC, y_N, scale).sqrt(),
    "mae": _mae,
    "r2": _r2,
}


def score(
    names: Iterable[str], output_NC: Tensor, y_N: Tensor, task: str, scale: float
) -> dict[str, float]:
    """The metrics of one part; names are without their part ("loss", "accuracy")."""
    with torch.no_grad():
        return {
            name: float(
                LOSSES[task](output_NC, y_N)
                if name == "loss"
                else SCORES[name](output_NC, y_N, scale)
            )
            for name in names
        }
