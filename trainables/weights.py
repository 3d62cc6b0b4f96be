"""A module's weights as they are now and as they were when they were best."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lanewise.trainables.errors import CheckpointError


class Weights:
    """What checkpoints hold of a module: "now.NAME", and "best.NAME" once there is a best."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.best: dict[str, Tensor] = {}

    def keep_best(self) -> None:
        """Copy the present weights."""
        if self.best:
            for name, tensor in weights_of(self.module).items():
                self.best[name].copy_(tensor.detach())
        else:
            self.best = {n: t.detach().clone() for n, t in weights_of(self.module).items()}

    def tensors(self) -> dict[str, Tensor]:
        found = {f"now.{name}": tensor for name, tensor in weights_of(self.module).items()}
        return found | {f"best.{name}": tensor for name, tensor in self.best.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors()` gave; CheckpointError if it is of another model."""
        copy_weights(self.module, tensors, "now.")
        if any(name.startswith("best.") for name in tensors):
            now = weights_of(self.module)
            self.best = {n: tensors[f"best.{n}"].to(t.device, copy=True) for n, t in now.items()}


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and all buffers, tied ones once; unlike state_dict, temporary buffers too."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def copy_weights(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Fill the module from `prefix + name`; CheckpointError unless names and shapes agree."""
    with torch.no_grad():
        for name, tensor in weights_of(module).items():
            saved = tensors.get(prefix + name)
            if saved is None or saved.shape != tensor.shape:
                shape = "nothing" if saved is None else f"{list(saved.shape)}"
                message = f"{name} is {list(tensor.shape)} in the model and {shape} in the file"
                raise CheckpointError(f"the checkpoint is of another model: {message}")
            tensor.copy_(saved)
