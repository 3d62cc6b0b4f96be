"""torch.optim's optimizers from a config, and what is done to gradients before their step.

Order per step: the gradient is that of the loss, with label smoothing, class weights and
activity_l1; l1 is added; its norm is measured; it is clipped by norm, then by value (so that both
bounds hold, and its direction for as long as can be); l2 and the optimizer's own terms follow
inside the step, as torch's `weight_decay` does.

Per step of 9k parameters on one CPU thread the fused kernels take about half the time of the
plain ones; where torch has none, `foreach` saves 5–20 %.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lanewise.trainables.optim import OPTIMIZERS

_FUSABLE = {torch.float32, torch.float64, torch.float16, torch.bfloat16}


def build(config: Mapping[str, Any], params: Iterable[Tensor]) -> Optimizer:
    """The optimizer that a complete config (see `config.complete`) names.

    `l2` becomes torch's weight_decay, a term of the gradient. Where that is an option of the
    optimizer's own, decoupled from the gradient, `gradient_adjustment` adds `l2` to it.
    """
    params, options = list(params), dict(config["optimizer"])
    registered = OPTIMIZERS[options.pop("name")]
    arguments = registered.arguments(options)
    if not registered.has_own_decay:
        arguments["weight_decay"] = config["l2"]
    make: Callable[..., Optimizer] = _eager(registered.load_class())
    return make(params, lr=config["lr"], **arguments, **_kernels(registered.kernels, params))


def _eager(torch_class: type[Optimizer]) -> type[Optimizer]:
    """The class without torch's guards for torch.compile, which is not used here.

    The guards of `step` and `add_param_group` import torch._dynamo, about 2 s of CPU in every
    fresh process. Each names what it wraps (`__wrapped__`); should torch cease to, the guarded
    function is used as it is.
    """
    plain_step = inspect.unwrap(torch_class.step)

    def step(self: Optimizer, closure: None = None) -> None:
        with torch.no_grad():
            plain_step(self)

    methods = {"step": step, "add_param_group": inspect.unwrap(torch_class.add_param_group)}
    return type(torch_class.__name__, (torch_class,), methods)


def _kernels(fastest: str, params: Sequence[Tensor]) -> dict[str, bool]:
    """What makes a class of torch use its fastest kernels, where the parameters allow them."""
    if fastest == "fused":
        fits = all(p.dtype in _FUSABLE and p.device.type in ("cpu", "cuda") for p in params)
        return {"fused": True} if fits else {}
    return {fastest: True} if fastest else {}


def gradient_adjustment(
    config: Mapping[str, Any], params: Sequence[Tensor], *, wants_norm: bool = False
) -> Callable[[], Tensor | None] | None:
    """What to call between `backward` and `step`: l1, clipping, l2 beside an optimizer's own decay;
    None for nothing.

    It returns the gradient's global norm before clipping where that is known or wanted.
    """
    l1, clip_norm, clip_value = config["l1"], config["clip_norm"], config["clip_value"]
    l2 = config["l2"] if OPTIMIZERS[config["optimizer"]["name"]].has_own_decay else 0.0
    if not (l1 or clip_norm or clip_value or l2 or wants_norm):
        return None

    @torch.no_grad()
    def adjust() -> Tensor | None:
        norm = None
        if l1:  # weights only: a bias or a norm's scale is not made sparse
            weights = [p for p in params if p.ndim >= 2 and p.grad is not None]
            _add(weights, torch._foreach_sign(weights) if weights else [], l1)
        if clip_norm:
            norm = torch.nn.utils.clip_grad_norm_(params, clip_norm, foreach=True)
        elif wants_norm:
            grads = [p.grad for p in params if p.grad is not None]
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        if clip_value:
            torch.nn.utils.clip_grad_value_(params, clip_value, foreach=True)
        if l2:
            used = [p for p in params if p.grad is not None]
            _add(used, used, l2)
        return norm

    return adjust


def _add(params: Sequence[Tensor], terms: Sequence[Tensor], factor: float) -> None:
    """grad += factor · term, for each parameter."""
    if params:
        grads = [p.grad for p in params if p.grad is not None]
        torch._foreach_add_(grads, list(terms), alpha=factor)
