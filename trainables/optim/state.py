"""What an optimizer remembers of its parameters, into checkpoints and back, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

_OPTIONAL = {
    "momentum": "momentum_buffer",
    "centered": "grad_avg",
    "amsgrad": "max_exp_avg_sq",
}


def tensors_of(optimizer: Optimizer, params: Sequence[Tensor], prefix: str) -> dict[str, Tensor]:
    """Its state by "prefix", the parameter's place and torch's key: "optimizer.0.exp_avg"."""
    found = {}
    for place, param in enumerate(params):
        for key, value in optimizer.state.get(param, {}).items():
            if value is not None:
                found[f"{prefix}{place}.{key}"] = torch.as_tensor(value)
    return found


def restore(
    optimizer: Optimizer, params: Sequence[Tensor], tensors: Mapping[str, Tensor], prefix: str
) -> None:
    """Take over what `tensors_of` gave."""
    # Not load_state_dict: it casts NAdam's float32 mu_product to the parameter's type.
    unused = {key for option, key in _OPTIONAL.items() if not optimizer.defaults.get(option)}
    for place, param in enumerate(params):
        own = f"{prefix}{place}."
        state = {n.removeprefix(own): t for n, t in tensors.items() if n.startswith(own)}
        # What the same optimizer with other options kept: it would be a stale one later on.
        state = {name: t for name, t in state.items() if name not in unused}
        if state:
            moved = {k: t.to(_home(optimizer, k, param), copy=True) for k, t in state.items()}
            optimizer.state[param] = _begun(optimizer, param) | moved


def _begun(optimizer: Optimizer, param: Tensor) -> dict[str, Tensor]:
    """States that the same optimizer with other options may not have kept; torch wants them."""
    used = [key for option, key in _OPTIONAL.items() if optimizer.defaults.get(option)]
    return {key: torch.zeros_like(param, requires_grad=False) for key in used}


def _home(optimizer: Optimizer, key: str, param: Tensor) -> torch.device:
    """Counters live on the CPU unless the optimizer is fused, everything else with `param`."""
    counter = key in ("step", "mu_product") and not optimizer.defaults.get("fused")
    return torch.device("cpu") if counter else param.device
