"""What a module does in one forward pass, call by call, so that two can be known to do the same.

Lanes of one stack run through one module's code. Another module of the same shapes may compute
something else (an attribute, a branch in its forward): their recordings differ, and they do not
share a stack. Values that may differ between lanes, parameters, buffers and dropout rates, are not
in the recording.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from lanewise.trainables.training.draws import Draws


@dataclass(frozen=True)
class Recording:
    """Of a training forward pass.

    key: equal for modules that compute the same.
    rates: of its dropouts in the order of their calls, None for noise; shapes: of their masks or
        the noise, by the size of the batch.
    output: the shape of what it returned, by the size of the batch; None for no tensor.
    values: how many numbers its calls put out, for the largest batch.
    """

    key: str
    rates: tuple[float | None, ...]
    shapes: Mapping[int, tuple[tuple[int, ...], ...]]
    output: Mapping[int, tuple[int, ...] | None]
    values: int


class Listening(Draws):
    """Notes what is asked for instead of drawing."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float | None] = []
        self.shapes: list[tuple[int, ...]] = []

    def dropout(self, x: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
        self.rates.append(p)
        self.shapes.append(shape)
        return x

    def normal(self, like: Tensor) -> Tensor:
        self.rates.append(None)
        self.shapes.append(tuple(like.shape))
        return torch.zeros_like(like)


def record(module: nn.Module, draws: Draws, x: Tensor, batch_sizes: Iterable[int]) -> Recording:
    """The recording of `module`, which draws from `draws`; it is left as it was.

    Raises:
        whatever its forward raises.
    """
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    shapes, output, keys = {}, {}, []
    try:
        for size in sorted(batch_sizes):
            listening = Listening()
            with torch.no_grad(), torch.random.fork_rng(devices=[]), draws.replaced(listening):
                batch = x[:size].clone()
                calls = _Calls(module, batch)
                with calls:
                    made = module(batch)
            shapes[size] = tuple(listening.shapes)
            output[size] = tuple(made.shape) if isinstance(made, Tensor) else None
            rates = tuple(listening.rates)
            noise = "".join("n" if rate is None else "d" for rate in rates)
            keys.append(f"{calls.digest()}{noise}")
    finally:
        buffers = dict(module.named_buffers())
        with torch.no_grad():
            for name, before in kept.items():
                buffers[name].copy_(before)
    return Recording(f"{_structure(module)} {' '.join(keys)}", rates, shapes, output, calls.values)


def _structure(module: nn.Module) -> str:
    """Names and shapes of what is stacked."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    text = repr([(n, tuple(t.shape), t.requires_grad, str(t.dtype)) for n, t in tensors])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Calls(TorchFunctionMode):
    """Every function of torch that is called, with its arguments but for tensors' values."""

    def __init__(self, module: nn.Module, batch: Tensor) -> None:
        super().__init__()
        self._hash = hashlib.sha256()
        self.values = 0
        self._known = {id(batch): batch}  # kept alive: a tensor is known by its id
        self._stacked = {id(t): n for n, t in (*module.named_parameters(), *module.named_buffers())}

    def digest(self) -> str:
        return self._hash.hexdigest()[:16]

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = resolve_name(func) or repr(func)
        self._hash.update(f"{name}{self._say(args)}{self._say(dict(kwargs))}".encode())
        found = func(*args, **kwargs)
        for tensor in _tensors(found):
            if id(tensor) not in self._known:
                self.values += tensor.numel()
            self._known[id(tensor)] = tensor
        return found

    def _say(self, value: Any) -> str:
        if isinstance(value, Tensor):
            return self._say_tensor(value)
        if isinstance(value, list | tuple):
            return f"[{','.join(map(self._say, value))}]"
        if isinstance(value, dict):
            return f"{{{','.join(f'{k}:{self._say(v)}' for k, v in value.items())}}}"
        if isinstance(value, str | int | float | bool | complex | type(None)):
            return repr(value)
        return str(type(value)) if _has_address(value) else repr(value)

    def _say_tensor(self, tensor: Tensor) -> str:
        about = f"{tuple(tensor.shape)}{tensor.dtype}"
        if id(tensor) in self._stacked:
            return f"<{self._stacked[id(tensor)]}{about}>"
        if id(tensor) in self._known:
            return f"<{about}>"
        # A constant that is neither parameter nor buffer is one of all lanes.
        self._known[id(tensor)] = tensor
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return f"<{about}{hashlib.sha256(raw).hexdigest()[:16]}>"


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for each in value for tensor in _tensors(each)]
    return []


def _has_address(value: object) -> bool:
    return " at 0x" in repr(value)
