"""Adadelta, Zeiler 2012, as torch defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanewise.trainables.knobs import NOT_NEGATIVE, SHARE, Knob
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    rho, eps, square, delta = lane.options["rho"], lane.options["eps"], state[0], state[1]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        square.mul_(rho).addcmul_(g, g, value=1 - rho)
        change = delta.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(g)
        delta.mul_(rho).addcmul_(change, change, value=1 - rho)
        p.add_(change, alpha=-lr)

    return step


ADADELTA = OptimizerType(
    "torch.optim:Adadelta",
    options={"rho": Knob(0.9, SHARE), "eps": Knob(1e-6, NOT_NEGATIVE)},
    step=_step,
    states={"square_avg": "", "acc_delta": ""},
    kernels="foreach",
)
