"""Adamax, Adam with the infinity norm, Kingma & Ba 2015, as torch defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanewise.trainables.optim.adam import BETAS, EPS, with_betas
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    from torch import maximum

    beta1, beta2, eps = (lane.options[key] for key in ("beta1", "beta2", "eps"))
    mean, most = state[0], state[1]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        mean.lerp_(g, 1 - beta1)
        maximum(most.mul_(beta2), g.abs_().add_(eps), out=most)
        p.addcdiv_(mean, most, value=-lr / (1 - beta1**lane.count))

    return step


ADAMAX = OptimizerType(
    "torch.optim:Adamax",
    options={**BETAS, **EPS},
    step=_step,
    states={"exp_avg": "", "exp_inf": ""},
    kernels="foreach",
    arguments=with_betas,
)
