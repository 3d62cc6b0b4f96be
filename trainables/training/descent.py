"""From a loss to changed parameters: backward, what is done to the gradient, the optimizer's step.

With float16 the loss is scaled first: most gradients are smaller than the smallest half-precision
number. A step whose gradient overflows is left out, and the factor halved; after 2,000 good ones
it is doubled (Micikevicius et al., "Mixed Precision Training", 2018, section 3.2; torch's
GradScaler). bfloat16 has float32's range and needs none of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Adjust = Callable[[], Tensor | None]


def precise(precision: str, device: str) -> AbstractContextManager[Any]:
    """Inside, products are computed in `precision`; parameters and gradients stay as they are."""
    if precision == "float32":
        return nullcontext()
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=getattr(torch, precision))


def densify(optimizer: Optimizer) -> None:
    """Make gradients dense: those of `nn.Embedding(sparse=True)` most optimizers do not take."""
    for group in optimizer.param_groups:
        for param in group["params"]:
            if param.grad is not None and param.grad.is_sparse:
                param.grad = param.grad.to_dense()


class Descent:
    """One optimizer's steps.

    Args:
        adjust: changes the gradient before a step, see `optim.build.gradient_adjustment`.
    """

    def __init__(self, optimizer: Optimizer, adjust: Adjust | None) -> None:
        self.optimizer, self.adjust = optimizer, adjust

    def __call__(self, loss: Tensor) -> Tensor | None:
        """Descend the loss by one step.

        Returns:
            The gradient's norm where `adjust` tells it; NaN where the step was left out.
        """
        loss.backward()  # type: ignore[no-untyped-call]
        densify(self.optimizer)
        norm = self.adjust() if self.adjust else None
        self.optimizer.step()
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """What goes into a checkpoint, besides the optimizer."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` gave."""


class ScaledDescent(Descent):
    """Of a loss that is scaled so that gradients of float16 do not vanish."""

    def __init__(self, optimizer: Optimizer, adjust: Adjust | None, device: str) -> None:
        super().__init__(optimizer, adjust)
        self._scaler = torch.amp.GradScaler(torch.device(device).type)

    def __call__(self, loss: Tensor) -> Tensor | None:
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        densify(self.optimizer)
        self._scaler.unscale_(self.optimizer)
        norm = self.adjust() if self.adjust else None
        self._scaler.step(self.optimizer)
        self._scaler.update()
        # A step is left out where the gradient is not finite. Asking for the scale would be a wait
        # for the GPU in each step.
        return None if norm is None else torch.where(norm.isfinite(), norm, torch.nan)

    def tensors(self) -> dict[str, Tensor]:
        state = self._scaler.state_dict()
        return {"loss_scale": torch.tensor([state["scale"], float(state["_growth_tracker"])])}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        if "loss_scale" in tensors:
            scale, growth = tensors["loss_scale"].tolist()
            state = self._scaler.state_dict() | {"scale": scale, "_growth_tracker": int(growth)}
            self._scaler.load_state_dict(state)


def descent(precision: str, device: str, optimizer: Optimizer, adjust: Adjust | None) -> Descent:
    """The steps of an optimizer whose loss was computed in `precision`."""
    if precision == "float16":
        return ScaledDescent(optimizer, adjust, device)
    return Descent(optimizer, adjust)
