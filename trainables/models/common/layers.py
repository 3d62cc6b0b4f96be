"""The layers that built-in models are made of. B batch, I inputs, O outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lanewise.trainables.models.common.initialise import GAINS, initialise

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Residual(nn.Module):
    """y_BO = after(skip(x_BI) + branch(x_BI)).

    He et al. 2016, "Deep Residual Learning for Image Recognition": the skip is the identity, or a
    projection where the widths differ.
    """

    def __init__(self, skip: nn.Module, branch: Sequence[nn.Module], after: nn.Module) -> None:
        super().__init__()
        self.skip, self.branch, self.after = skip, nn.Sequential(*branch), after

    def forward(self, x_BI: Tensor) -> Tensor:
        y_BO: Tensor = self.after(self.skip(x_BI) + self.branch(x_BI))
        return y_BO


@dataclass(frozen=True)
class Layers:
    """Makes layers with a configuration's `activation`, `init`, `norm` and `dropout`.

    A norm and a dropout are a list of one module, or of none where they are off.
    """

    config: Mapping[str, Any]

    def linear(
        self, inputs: int, outputs: int, *, activated: bool, normed: bool = False
    ) -> nn.Linear:
        """A linear layer, with initial weights by the gain of what follows it.

        Args:
            activated: an activation follows, behind a norm or at once: its gain; else 1.
            normed: nothing but norms see the outputs. Batch normalisation subtracts any bias
                again, so there is none then: its gradient would be rounding, which adaptive
                optimizers blow up.
        """
        layer = nn.Linear(inputs, outputs, bias=not (normed and self.config["norm"] == "batch"))
        gain = GAINS[self.config["activation"]] if activated else 1.0
        return initialise(layer, self.config["init"], gain)

    def skip(self, inputs: int, outputs: int) -> nn.Module:
        """What leads past a residual block; the block's own bias is enough."""
        if inputs == outputs:
            return nn.Identity()
        return initialise(nn.Linear(inputs, outputs, bias=False), self.config["init"], 1.0)

    def activation(self) -> nn.Module:
        return ACTIVATIONS[self.config["activation"]]()

    def norm(self, width: int) -> list[nn.Module]:
        norm = self.config["norm"]
        return [] if norm is None else [NORMS[norm](width)]

    def dropout(self) -> list[nn.Module]:
        p = self.config["dropout"]
        return [nn.Dropout(p)] if p > 0 else []
