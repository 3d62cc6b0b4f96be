"""Whether a module may train as a lane: a pass of two of them, stacked and alone, compared.

What packs must do the same in a stack as alone: no control flow that depends on data, no randomness
and no memory of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lanewise.trainables.packs.engines import VmapEngine
from lanewise.trainables.packs.lane import Lane, first_line
from lanewise.trainables.packs.recording import Listening
from lanewise.trainables.training.draws import draws_of

_ROWS = 16
_EVALUATED = 11  # rows: an evaluation's last part is of any size
_TOLERANCE = 1e-6  # of the largest value, in float64


def why_not(lane: Lane) -> str:
    """Why a module that has no program cannot be a lane, in one line; "" if it can.

    Two lanes with different values take a forward and a backward pass in float64, and then one
    of an evaluation, stacked and one after the other.
    """
    try:
        one = copy.deepcopy(lane.module).double().train()
        other = copy.deepcopy(one)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.mul_(0.9)
        x = lane.data.x_train
        numbers = torch.arange(2 * _ROWS, device=x.device).view(2, _ROWS) % len(x)
        x_2BF = x[numbers].double() if x.is_floating_point() else x[numbers]
        solo = [_alone(copy.deepcopy(m), x_BF) for m, x_BF in zip((one, other), x_2BF, strict=True)]
        if any(found is None for found in solo):
            return (
                "its forward pass is random or remembers, by other means than dropout and buffers"
            )
        stacked = _stacked([one, other], lane.names, x_2BF)
    except Exception as error:
        return first_line(error)
    for k, found in enumerate(solo):
        assert found is not None
        for name, values in found.items():
            apart = (stacked[name][k] - values).abs().max() if values.numel() else torch.zeros(())
            if not apart <= _TOLERANCE * (1 + values.abs().max()):
                return f"stacked, its {name} differs"
    return ""


def _alone(module: nn.Module, x_BF: Tensor) -> dict[str, Tensor] | None:
    """Output, gradients and buffers after one pass; None where a second pass gives others."""
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    passes = []
    for _ in range(2):
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                buffer.copy_(kept[name])
        with draws_of(module).replaced(Listening()):
            output = module(x_BF.clone())
        named = {n: p for n, p in module.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(_loss(output), list(named.values()), allow_unused=True)
        if any(gradient is None for gradient in gradients):
            unused = next(n for n, g in zip(named, gradients, strict=True) if g is None)
            raise ValueError(f"its forward pass does not use {unused}")
        found = {"output": output.detach()}
        found |= {f"gradient of {n}": g for n, g in zip(named, gradients, strict=True)}
        found |= {n: b.detach().double() for n, b in module.named_buffers()}
        found = {name: value.clone() for name, value in found.items()}
        with torch.no_grad():
            passes.append(found | {"evaluation": module.eval()(x_BF[:_EVALUATED].clone())})
        module.train()
    first, second = passes
    return first if all(torch.equal(first[name], second[name]) for name in first) else None


def _stacked(
    modules: Sequence[nn.Module], names: Sequence[str], x_2BF: Tensor
) -> dict[str, Tensor]:
    """The same of both at once, [2, …]."""
    skeleton = copy.deepcopy(modules[0])
    tensors = [dict((*m.named_parameters(), *m.named_buffers())) for m in modules]
    both = {n: torch.stack([t[n].detach() for t in tensors]) for n in tensors[0]}
    params = [both[name].clone().requires_grad_() for name in names]
    buffers = {name: tensor for name, tensor in both.items() if name not in names}
    engine = VmapEngine(skeleton, draws_of(skeleton), names, {})
    output = engine.forward(params, buffers, x_2BF.clone(), {}, is_training=True, extra=None)
    gradients = torch.autograd.grad(torch.stack([_loss(each) for each in output]).sum(), params)
    found = {"output": output.detach()}
    found |= {f"gradient of {n}": g for n, g in zip(names, gradients, strict=True)}
    found |= {n: b.double().clone() for n, b in buffers.items()}
    # In an evaluation lanes mostly have the same rows.
    how = {"is_training": False, "is_shared": True}
    with torch.no_grad():
        rows = [
            engine.forward(params, buffers, x_BF[:_EVALUATED], {}, **how, extra=None)
            for x_BF in x_2BF
        ]
    return found | {"evaluation": torch.stack([rows[0][0], rows[1][1]])}


def _loss(output: Tensor) -> Tensor:
    """Something that every output has its own part in."""
    weights = torch.arange(1, output.numel() + 1, dtype=output.dtype, device=output.device)
    return (output.reshape(-1) * weights / output.numel()).square().sum()
