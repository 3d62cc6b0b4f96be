"""CONTRIBUTING's "how to add" an optimizer: this file is all of it, beside a row in OPTIMIZERS.

RAdam, Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond". The fixture
`radam` is the row, and the suites run over it as over our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanewise.trainables.optim.adam import BETAS, EPS, with_betas
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    beta1, beta2, eps = (lane.options[key] for key in ("beta1", "beta2", "eps"))
    mean, square, longest = state[0], state[1], 2 / (1 - beta2) - 1

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        mean.lerp_(g, 1 - beta1)
        square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        rate, known = lr / (1 - beta1**lane.count), 1 - beta2**lane.count
        length = longest - 2 * lane.count * beta2**lane.count / known
        if length <= 5:  # the variance cannot be told yet
            p.add_(mean, alpha=-rate)
            return
        now, ever = (length - 4) * (length - 2) / length, (longest - 4) * (longest - 2) / longest
        p.addcdiv_(mean, square.sqrt().add_(eps), value=-rate * (known * now / ever) ** 0.5)

    return step


RADAM = OptimizerType(
    "torch.optim:RAdam",
    options={**BETAS, **EPS},
    step=_step,
    states={"exp_avg": "", "exp_avg_sq": ""},
    kernels="foreach",
    arguments=with_betas,
)
