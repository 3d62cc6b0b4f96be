"""A module's state as it is now and as it was when it was best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lanewise.trainables.checkpoints.extra_state import MARK, extra_tensors, set_extra
from lanewise.trainables.errors import CheckpointError


class Weights:
    """What checkpoints hold of a module: "now.NAME", and "best.NAME" once there is a best."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.best: dict[str, Tensor] = {}

    def keep_best(self) -> None:
        """Copy the present state."""
        now, kept = state_of(self.module), self.best
        self.best = {}
        for name, tensor in now.items():
            home = kept.get(name)
            if home is not None and _is_alike(home, tensor):
                self.best[name] = home.copy_(tensor.detach())
            else:  # the first, or a buffer that has another size by now
                self.best[name] = tensor.detach().clone()

    def tensors(self) -> dict[str, Tensor]:
        found = {f"now.{name}": tensor for name, tensor in state_of(self.module).items()}
        return found | {f"best.{name}": tensor for name, tensor in self.best.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors()` gave; CheckpointError if it is of another model."""
        copy_state(self.module, tensors, "now.")
        device = next(self.module.parameters()).device
        self.best = {n: t.to(device, copy=True) for n, t in _under("best.", tensors).items()}


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and all buffers, tied ones once; unlike state_dict, temporary buffers too."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """`weights_of` without what no forward pass has given a shape yet, and the extra states."""
    weights = {name: t for name, t in weights_of(module).items() if not is_lazy(t)}
    return weights | extra_tensors(module)


def lacks(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> bool:
    """Whether a forward pass has to make parts of a new module before it can take a state over."""
    own = weights_of(module)
    saved = _under(prefix, tensors)
    return any(map(is_lazy, own.values())) or any(n not in own for n in saved if MARK not in n)


def copy_state(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Fill the module from `prefix + name`, where `state_of` gave the names.

    Buffers may have another shape by now, or be new; parameters may not.

    Raises:
        CheckpointError: a parameter or a part is another one, or there is none.
    """
    saved = _under(prefix, tensors)
    weights = {name: tensor for name, tensor in saved.items() if MARK not in name}
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, tensor in weights_of(module).items():
            found = weights.pop(name, None)
            if is_lazy(tensor):
                if found is not None:
                    tensor.materialize(found.shape)
                    tensor.copy_(found)
            elif found is None or (name in parameters and found.shape != tensor.shape):
                raise _another(name, found, tensor)
            elif name in parameters or _is_alike(tensor, found):
                tensor.copy_(found)
            else:
                _set_buffer(module, name, found.to(tensor.device, copy=True))
        for name, tensor in weights.items():
            _set_buffer(module, name, tensor.clone())
    set_extra(module, saved)


def renumbered(
    tensors: Mapping[str, Tensor], names: Iterable[str], concerns: Callable[[str], bool]
) -> dict[str, Tensor]:
    """Tensors of another model of the same layers, by the names that this model gives them.

    A layer that may be left out (dropout of rate 0) shifts the numbers of those behind it, not
    their order. Where their number differs, too, names stay as they are.

    Args:
        concerns: which of the tensors' names; all others stay as they are.
    """
    theirs = sorted(filter(concerns, tensors), key=_by_number)
    ours = sorted(names, key=_by_number)
    renamed = dict(zip(theirs, ours, strict=True)) if len(theirs) == len(ours) else {}
    return {renamed.get(name, name): tensor for name, tensor in tensors.items()}


def _by_number(name: str) -> list[tuple[int, str]]:
    """Sorts ``10.weight`` behind ``9.weight``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _is_alike(one: Tensor, other: Tensor) -> bool:
    """Whether values can be copied between the two without a change."""
    is_dense = one.layout == other.layout == torch.strided
    return is_dense and one.shape == other.shape and one.dtype == other.dtype


def _another(name: str, saved: Tensor | None, own: Tensor) -> CheckpointError:
    shape = "nothing" if saved is None else f"{list(saved.shape)}"
    message = f"{name} is {list(own.shape)} in the model and {shape} in the file"
    return CheckpointError(f"the checkpoint is of another model: {message}")


def _set_buffer(module: nn.Module, name: str, tensor: Tensor) -> None:
    """A buffer that is new, of another shape or type, or was None when it was registered."""
    path, _, leaf = name.rpartition(".")
    try:
        owner = module.get_submodule(path)
    except AttributeError:
        message = f"{name} is {list(tensor.shape)} in the file and nothing in the model"
        raise CheckpointError(f"the checkpoint is of another model: {message}") from None
    if leaf in owner._buffers:
        setattr(owner, leaf, tensor)
    elif getattr(owner, leaf, None) is None:
        if hasattr(owner, leaf):
            delattr(owner, leaf)
        owner.register_buffer(leaf, tensor)
    else:
        message = f"{name} is {list(tensor.shape)} in the file and no buffer of the model"
        raise CheckpointError(f"the checkpoint is of another model: {message}")
