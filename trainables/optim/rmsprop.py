"""RMSprop, Tieleman & Hinton 2012, plain, centered or with momentum, as torch defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanewise.trainables.knobs import BELOW_ONE, FLAG, NOT_NEGATIVE, SHARE, Knob
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor

_FOREVER = 1e30  # a step count at which Adam's bias corrections are 1


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    import torch

    if lane.options["momentum"] or lane.options["centered"] or lane.options["alpha"] == 1:
        return _full_step(lane, p, state)
    # Adam without a first moment (whose row holds the gradient) and without bias corrections.
    kernel, params, squares, unused = torch._fused_adam_, [p], [state[0]], [state[1]]
    alpha, eps, decay = lane.options["alpha"], lane.options["eps"], lane.decay
    forever = [torch.full((), _FOREVER, dtype=torch.float32, device=p.device)]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        kernel(
            params,
            [g],
            unused,
            squares,
            [],
            forever,
            lr=lr,
            beta1=0.0,
            beta2=alpha,
            weight_decay=decay,
            eps=eps,
            amsgrad=False,
            maximize=False,
        )

    return step


def _full_step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    alpha, eps, momentum = (lane.options[key] for key in ("alpha", "eps", "momentum"))
    square, buffer, mean = state[0], state[1], state[2]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        square.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        if lane.options["centered"]:
            mean.lerp_(g, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt_().add_(eps)
        else:
            root = square.sqrt().add_(eps)
        if momentum:
            buffer.mul_(momentum).addcdiv_(g, root)
            p.add_(buffer, alpha=-lr)
        else:
            p.addcdiv_(g, root, value=-lr)

    return step


RMSPROP = OptimizerType(
    "torch.optim:RMSprop",
    options={
        "alpha": Knob(0.99, SHARE),
        "eps": Knob(1e-8, NOT_NEGATIVE),
        "momentum": Knob(0.0, BELOW_ONE),
        "centered": Knob(False, FLAG),
    },
    step=_step,
    states={"square_avg": "", "momentum_buffer": "momentum", "grad_avg": "centered"},
    kernels="foreach",
)
