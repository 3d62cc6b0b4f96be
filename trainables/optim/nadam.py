"""NAdam, Adam with Nesterov's momentum, Dozat 2016, as torch defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanewise.trainables.knobs import NOT_NEGATIVE, Knob
from lanewise.trainables.optim.adam import BETAS, EPS, with_betas
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    beta1, beta2, eps, psi = (
        lane.options[key] for key in ("beta1", "beta2", "eps", "momentum_decay")
    )
    mean, square, kept = state[0], state[1], lane.kept

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        mu = beta1 * (1 - 0.5 * 0.96 ** (lane.count * psi))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((lane.count + 1) * psi))
        kept["mu_product"] *= type(kept["mu_product"])(mu)
        product = float(kept["mu_product"])
        mean.lerp_(g, 1 - beta1)
        square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = square.sqrt().div_((1 - beta2**lane.count) ** 0.5).add_(eps)
        p.addcdiv_(g, root, value=-lr * (1 - mu) / (1 - product))
        p.addcdiv_(mean, root, value=-lr * mu_next / (1 - product * mu_next))

    return step


NADAM = OptimizerType(
    "torch.optim:NAdam",
    options={**BETAS, **EPS, "momentum_decay": Knob(4e-3, NOT_NEGATIVE)},
    step=_step,
    states={"exp_avg": "", "exp_avg_sq": ""},
    scalars={"step": 0.0, "mu_product": 1.0},
    kernels="foreach",
    arguments=with_betas,
)
