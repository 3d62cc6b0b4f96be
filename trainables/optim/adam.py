"""Adam, Kingma & Ba 2015, and AdamW, Loshchilov & Hutter 2019, as torch defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lanewise.trainables.knobs import BELOW_ONE, FLAG, NOT_NEGATIVE, Knob
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor

# Of Adam and its variants; beta1 and beta2 are torch's `betas`.
BETAS = {"beta1": Knob(0.9, BELOW_ONE), "beta2": Knob(0.999, BELOW_ONE)}
EPS = {"eps": Knob(1e-8, NOT_NEGATIVE)}


def with_betas(options: dict[str, Any]) -> dict[str, Any]:
    """The options as arguments of torch's class."""
    betas = (options["beta1"], options["beta2"])
    rest = {key: value for key, value in options.items() if key not in BETAS}
    return {**rest, "betas": betas}


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor, *, decoupled: bool) -> Step:
    import torch

    kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
    o, params, decay = lane.options, [p], lane.decay
    m, v, most = [state[0]], [state[1]], [state[2]] if o["amsgrad"] else []
    beta1, beta2, eps, amsgrad = o["beta1"], o["beta2"], o["eps"], o["amsgrad"]

    def step(g: Tensor, lr: float) -> None:
        kernel(
            params,
            [g],
            m,
            v,
            most,
            [lane.counted()],
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            weight_decay=decay,
            eps=eps,
            amsgrad=amsgrad,
            maximize=False,
        )

    return step


_STATES = {"exp_avg": "", "exp_avg_sq": "", "max_exp_avg_sq": "amsgrad"}

ADAM = OptimizerType(
    "torch.optim:Adam",
    options={**BETAS, **EPS, "amsgrad": Knob(False, FLAG)},
    step=lambda lane, p, state: _step(lane, p, state, decoupled=False),
    states=_STATES,
    kernels="fused",
    arguments=with_betas,
)
ADAMW = OptimizerType(
    "torch.optim:AdamW",
    options={
        **BETAS,
        **EPS,
        "weight_decay": Knob(1e-2, NOT_NEGATIVE),
        "amsgrad": Knob(False, FLAG),
    },
    step=lambda lane, p, state: _step(lane, p, state, decoupled=True),
    states=_STATES,
    kernels="fused",
    arguments=with_betas,
)
