"""Adagrad, Duchi, Hazan & Singer 2011, as torch defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanewise.trainables.knobs import NOT_NEGATIVE, Knob
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    lr_decay, eps, total = lane.options["lr_decay"], lane.options["eps"], state[0]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        rate = lr / (1 + (lane.count - 1) * lr_decay)
        total.addcmul_(g, g)
        p.addcdiv_(g, total.sqrt().add_(eps), value=-rate)

    return step


ADAGRAD = OptimizerType(
    "torch.optim:Adagrad",
    options={
        "lr_decay": Knob(0.0, NOT_NEGATIVE),
        "eps": Knob(1e-10, NOT_NEGATIVE),
        "initial_accumulator_value": Knob(0.0, NOT_NEGATIVE),
    },
    step=_step,
    states={"sum": ""},
    first="initial_accumulator_value",
    kernels="fused",
)
