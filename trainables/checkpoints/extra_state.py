"""What a module keeps by torch's `get_extra_state`, as tensors of a checkpoint; no pickle.

A state becomes a JSON text, itself a tensor of bytes, and the tensors that stand in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.errors import ModelError

MARK = "#extra"  # no parameter's or buffer's name holds one


def modules_with_extra(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The parts, by name, that have a state besides parameters and buffers."""
    for name, part in module.named_modules():
        if type(part).get_extra_state is not nn.Module.get_extra_state:
            yield name, part


def extra_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The extra states of all parts, as copies.

    Raises:
        ModelError: one holds what cannot be stored.
    """
    found: dict[str, Tensor] = {}
    for name, part in modules_with_extra(module):
        inside: list[Tensor] = []
        tree = _encode(part.get_extra_state(), inside, type(part).__name__)
        text = json.dumps(tree).encode()
        found[f"{name}{MARK}"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        found |= {f"{name}{MARK}.{n}": tensor for n, tensor in enumerate(inside)}
    return found


def set_extra(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give every part what `extra_tensors` took; a part without one keeps its own."""
    for name, part in modules_with_extra(module):
        text = tensors.get(f"{name}{MARK}")
        if text is not None:
            own = f"{name}{MARK}."
            inside = {n.removeprefix(own): t for n, t in tensors.items() if n.startswith(own)}
            part.set_extra_state(_decode(json.loads(bytes(text.cpu().numpy())), inside))


def _encode(value: Any, inside: list[Tensor], owner: str) -> Any:
    """JSON: what is no plain value is {"a kind": what it is made of}."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor | np.ndarray | np.generic):
        # Not torch.from_numpy: it has no tensor of text.
        if not isinstance(value, Tensor) and value.dtype.kind not in "biufc":
            raise _refused(owner, f"an array of {value.dtype}")
        inside.append(torch.as_tensor(value).detach().clone())
        return {"tensor" if isinstance(value, Tensor) else "array": len(inside) - 1}
    if isinstance(value, Mapping):
        pairs = [[_encode(k, inside, owner), _encode(v, inside, owner)] for k, v in value.items()]
        return {"mapping": pairs}
    if isinstance(value, list | tuple | set | frozenset):
        kind = next(k for k in (list, tuple, set, frozenset) if isinstance(value, k))
        return {kind.__name__: [_encode(each, inside, owner) for each in value]}
    raise _refused(owner, f"a {type(value).__name__}")


def _decode(tree: Any, inside: Mapping[str, Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind in ("tensor", "array"):
        tensor = inside[str(content)].clone()
        return tensor if kind == "tensor" else tensor.cpu().numpy()
    if kind == "mapping":
        return {_decode(k, inside): _decode(v, inside) for k, v in content}
    make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
    return make(_decode(each, inside) for each in content)


def _refused(owner: str, what: str) -> ModelError:
    message = (
        f"get_extra_state of {owner} gives {what}, which no checkpoint holds "
        "(tensors, numbers, text, lists and mappings of them)"
    )
    return ModelError("model", message)
