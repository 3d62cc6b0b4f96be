"""torch.optim's steps for one lane, whose parameters are one row. P parameters.

A lane's state lies in rows beside its parameters, so that a step is one call for all of them: of
torch's own fused kernel where there is one, else of the formulas of torch's foreach code. Both
give what `optim.build.build` gives for the same network alone.

At 26,000 parameters on one CPU thread a fused kernel takes about 25 µs, an optimizer object of
torch.optim 170 µs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

STATE_ROWS = 3  # the most that an optimizer keeps for each parameter

# By torch's name for a state, its row among a lane's state rows.
_NAMES: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum_buffer",),
    "rmsprop": ("square_avg", "momentum_buffer", "grad_avg"),
    "adagrad": ("sum",),
    "adadelta": ("square_avg", "acc_delta"),
    "adam": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "adamax": ("exp_avg", "exp_inf"),
    "nadam": ("exp_avg", "exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
}
_FOREVER = 1e30  # a step count at which Adam's bias corrections are 1

Step = Callable[[Tensor, float], None]  # gradient [P] (it may be overwritten), learning rate


class Stepper:
    """The optimizer of one lane.

    Args:
        config: complete (`config.complete`).
        device: where the rows are.

    Attributes:
        count: steps taken.
        start: what the state rows begin with.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device) -> None:
        options = dict(config["optimizer"])
        self.name: str = options.pop("name")
        self.options = options
        # As in `optim.build.build`: AdamW's l2 is added to the gradient before, not here.
        self.decay = options.pop("weight_decay") if self.name == "adamw" else config["l2"]
        self.count = 0
        self.mu_product = np.float32(1.0)  # NAdam's, which torch keeps in float32
        self.start = options.get("initial_accumulator_value", 0.0)
        self._device = device
        self._fused_count = torch.zeros((), dtype=torch.float32, device=device)

    @property
    def divides_by_zero(self) -> bool:
        """Whether a parameter that never had a gradient becomes NaN: eps = 0."""
        return bool(self.options.get("eps", 1.0) == 0)

    def names(self) -> dict[str, int]:
        """The states that are in use, as torch names them, and their rows."""
        found = {name: row for row, name in enumerate(_NAMES[self.name])}
        unused = {
            "momentum_buffer": not self.options.get("momentum"),
            "grad_avg": not self.options.get("centered"),
            "max_exp_avg_sq": not self.options.get("amsgrad"),
        }
        return {name: row for name, row in found.items() if not unused.get(name)}

    def scalars(self) -> dict[str, Tensor]:
        """The rest of torch's state of every parameter."""
        if self.name == "sgd":
            return {}
        found = {"step": torch.tensor(float(self.count))}
        if self.name == "nadam":
            found["mu_product"] = torch.tensor(self.mu_product)
        return found

    def restore(self, scalars: Mapping[str, Tensor], has_state: bool) -> None:
        """Go on from `scalars()`; `has_state` where there are state rows or scalars."""
        # torch's SGD counts no steps: its buffer is there once there was one.
        self.count = int(scalars["step"]) if "step" in scalars else int(has_state)
        if "mu_product" in scalars:
            self.mu_product = np.float32(scalars["mu_product"].item())

    def bind(self, row_P: Tensor, state_SP: Tensor) -> Step:
        """What takes a step of the parameters in `row_P`, wherever the lane lies now."""
        return _BINDERS[self.name](self, row_P, state_SP)

    def counted(self) -> Tensor:
        """torch's step count of a fused kernel, one step on."""
        self.count += 1
        return self._fused_count.fill_(self.count)


def _sgd(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    options = {key: lane.options[key] for key in ("momentum", "dampening", "nesterov")}
    buffers = [state[0]] if options["momentum"] else []
    params, decay = [p], lane.decay

    def step(g: Tensor, lr: float) -> None:
        torch._fused_sgd_(
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


def _adam(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    kernel = torch._fused_adam_ if lane.name == "adam" else torch._fused_adamw_
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


def _rmsprop(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    if lane.options["momentum"] or lane.options["centered"] or lane.options["alpha"] == 1:
        return _full_rmsprop(lane, p, state)
    # Adam without a first moment (whose row holds the gradient) and without bias corrections.
    params, squares, unused, decay = [p], [state[0]], [state[1]], lane.decay
    alpha, eps = lane.options["alpha"], lane.options["eps"]
    forever = [torch.full((), _FOREVER, dtype=torch.float32, device=p.device)]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        torch._fused_adam_(
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


def _full_rmsprop(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    alpha, eps, momentum = (lane.options[key] for key in ("alpha", "eps", "momentum"))
    square, buffer, mean = state

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


def _adagrad(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    lr_decay, eps, total = lane.options["lr_decay"], lane.options["eps"], state[0]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        rate = lr / (1 + (lane.count - 1) * lr_decay)
        total.addcmul_(g, g)
        p.addcdiv_(g, total.sqrt().add_(eps), value=-rate)

    return step


def _adadelta(lane: Stepper, p: Tensor, state: Tensor) -> Step:
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


def _adamax(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    beta1, beta2, eps = (lane.options[key] for key in ("beta1", "beta2", "eps"))
    mean, most = state[0], state[1]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        mean.lerp_(g, 1 - beta1)
        torch.maximum(most.mul_(beta2), g.abs_().add_(eps), out=most)
        p.addcdiv_(mean, most, value=-lr / (1 - beta1**lane.count))

    return step


def _nadam(lane: Stepper, p: Tensor, state: Tensor) -> Step:
    beta1, beta2, eps, psi = (
        lane.options[key] for key in ("beta1", "beta2", "eps", "momentum_decay")
    )
    mean, square = state[0], state[1]

    def step(g: Tensor, lr: float) -> None:
        lane.count += 1
        if lane.decay:
            g.add_(p, alpha=lane.decay)
        mu = beta1 * (1 - 0.5 * 0.96 ** (lane.count * psi))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((lane.count + 1) * psi))
        lane.mu_product = np.float32(lane.mu_product * np.float32(mu))
        product = float(lane.mu_product)
        mean.lerp_(g, 1 - beta1)
        square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = square.sqrt().div_((1 - beta2**lane.count) ** 0.5).add_(eps)
        p.addcdiv_(g, root, value=-lr * (1 - mu) / (1 - product))
        p.addcdiv_(mean, root, value=-lr * mu_next / (1 - product * mu_next))

    return step


_BINDERS: dict[str, Callable[[Stepper, Tensor, Tensor], Step]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "adamw": _adam,
}
