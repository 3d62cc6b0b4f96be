"""What an optimizer remembers of its parameters, into checkpoints and back, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lanewise.trainables.optim import OPTIMIZERS


def tensors_of(optimizer: Optimizer, params: Sequence[Tensor], prefix: str) -> dict[str, Tensor]:
    """Its state by "prefix", the parameter's index and torch's key: "optimizer.0.exp_avg"."""
    found = {}
    for index, param in enumerate(params):
        for key, value in optimizer.state.get(param, {}).items():
            if value is not None:
                found[f"{prefix}{index}.{key}"] = torch.as_tensor(value)
    return found


def restore(
    optimizer: Optimizer,
    options: Mapping[str, Any],
    params: Sequence[Tensor],
    tensors: Mapping[str, Tensor],
    prefix: str,
) -> None:
    """Take over what `tensors_of` gave.

    Args:
        options: those that the optimizer was built of, and its name. What the same one with others
            kept, and this one does not, would be a stale state later on and is left out; what it
            did not keep and this one does begins with zeros.
    """
    # Not load_state_dict: it casts NAdam's float32 mu_product to the parameter's type.
    registered = OPTIMIZERS[options["name"]]
    used = registered.used(options)
    on_cpu = () if optimizer.defaults.get("fused") else registered.scalars
    for index, param in enumerate(params):
        own = f"{prefix}{index}."
        state = {n.removeprefix(own): t for n, t in tensors.items() if n.startswith(own)}
        state = {n: t for n, t in state.items() if n in used or n not in registered.states}
        if state:
            zeros = {
                name: torch.zeros_like(param, requires_grad=False)
                for name in used
                if registered.states[name]
            }
            optimizer.state[param] = zeros | {
                name: t.to("cpu" if name in on_cpu else param.device, copy=True)
                for name, t in state.items()
            }
