"""Stochastic gradient descent with momentum, Polyak's or Nesterov's, as torch defines it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.knobs import BELOW_ONE, FLAG, SHARE, Knob
from lanewise.trainables.optim.optimizer_type import LaneOptimizer, OptimizerType, Step

if TYPE_CHECKING:
    from torch import Tensor


def _check(options: Mapping[str, Any]) -> tuple[str, str] | None:
    if options.get("nesterov") and (options.get("momentum", 0) <= 0 or options.get("dampening")):
        return "nesterov", "true needs a momentum > 0 and no dampening"
    return None


def _step(lane: LaneOptimizer, p: Tensor, state: Tensor) -> Step:
    import torch

    options = {key: lane.options[key] for key in ("momentum", "dampening", "nesterov")}
    buffers = [state[0]] if options["momentum"] else []
    kernel, params, decay = torch._fused_sgd_, [p], lane.decay

    def step(g: Tensor, lr: float) -> None:
        kernel(
            params,
            [g],
            buffers,
            weight_decay=decay,
            lr=lr,
            maximize=False,
            is_first_step=lane.count == 0,
            **options,
        )
        lane.count += 1

    return step


SGD = OptimizerType(
    "torch.optim:SGD",
    options={
        "momentum": Knob(0.0, BELOW_ONE),
        "nesterov": Knob(False, FLAG),
        "dampening": Knob(0.0, SHARE),
    },
    step=_step,
    states={"momentum_buffer": "momentum"},
    scalars={},  # it counts no steps
    kernels="fused",
    check=_check,
)
