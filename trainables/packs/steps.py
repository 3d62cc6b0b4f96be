"""An optimizer's steps for one lane, whose parameters are one row. P parameters.

A lane's state lies in rows beside its parameters, so that a step is one call for all of them: of
torch's own fused kernel where there is one, else of the formulas of torch's foreach code. Both
give what `optim.build.build` gives for the same network alone.

At 26,000 parameters on one CPU thread a fused kernel takes about 25 µs, an optimizer object of
torch.optim 170 µs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.optim.optimizer_type import Step

STATE_ROWS = max(len(each.states) for each in OPTIMIZERS.values())


class Stepper:
    """The optimizer of one lane; see `optim.optimizer_type.LaneOptimizer`.

    Args:
        config: complete (`config.complete`).
        device: where the rows are.

    Attributes:
        first: what the state rows begin with.
        l2_of_gradient: `l2` where the optimizer has a decay of its own; else it is in the step.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device) -> None:
        options = dict(config["optimizer"])
        self.registered = OPTIMIZERS[options.pop("name")]
        self.options: Mapping[str, Any] = options
        has_own_decay = self.registered.has_own_decay
        self.decay: float = self.options["weight_decay"] if has_own_decay else config["l2"]
        self.l2_of_gradient: float = config["l2"] if has_own_decay else 0.0
        self.first: float = self.options.get(self.registered.first, 0.0)
        self.count = 0
        further = self.registered.scalars.items()
        self.kept = {name: np.float32(first) for name, first in further if name != "step"}
        self._fused_count = torch.zeros((), dtype=torch.float32, device=device)

    @property
    def divides_by_zero(self) -> bool:
        """Whether a parameter that never had a gradient becomes NaN: eps = 0."""
        return bool(self.options.get("eps", 1.0) == 0)

    def names(self) -> dict[str, int]:
        """The states that are in use, as torch names them, and their rows."""
        return self.registered.used(self.options)

    def scalars(self) -> dict[str, Tensor]:
        """The rest of torch's state of every parameter."""
        known = {"step": float(self.count), **self.kept}
        return {name: torch.tensor(known[name]) for name in self.registered.scalars}

    def restore(self, scalars: Mapping[str, Tensor], has_state: bool) -> None:
        """Go on from `scalars()`; `has_state` where there are state rows or scalars."""
        # torch's SGD counts no steps: its buffer is there once there was one.
        self.count = int(scalars["step"]) if "step" in scalars else int(has_state)
        for name in self.kept.keys() & scalars:
            self.kept[name] = np.float32(scalars[name].item())

    def follow(self, other: Stepper) -> None:
        """Know what another one does, which has taken this one's steps with its own."""
        self.count, self.kept = other.count, dict(other.kept)

    def bind(self, row_P: Tensor, state_SP: Tensor) -> Step:
        """What takes a step of the parameters in `row_P`, wherever the lane lies now."""
        return self.registered.step(self, row_P, state_SP)

    def counted(self) -> Tensor:
        self.count += 1
        return self._fused_count.fill_(self.count)
