"""What is registered of an optimizer. No torch until one is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from lanewise.trainables.knobs import Knob

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.optim import Optimizer

Step = Callable[["Tensor", float], None]  # gradient [P] (it may be overwritten), learning rate


class LaneOptimizer(Protocol):
    """What a lane's steps know and keep; `packs.steps.Stepper` is one.

    options: of the optimizer, complete.
    decay: weight decay inside the step: the optimizer's own, else `l2`.
    count: steps taken; each step adds 1.
    kept: the optimizer's `scalars`, but "step"; torch keeps them in float32.
    """

    options: Mapping[str, Any]
    decay: float
    count: int
    kept: dict[str, np.float32]

    def counted(self) -> Tensor:
        """`count` with the step to come, as torch's fused kernels want it; adds that step."""
        ...


@dataclass(frozen=True)
class OptimizerType:
    """One optimizer: its options, torch's class, and its step as a lane.

    torch_class: "package.module:Class", a torch.optim.Optimizer, imported when it is needed.
    options: names, defaults and meaning are the class's own; `lr` is none, and `weight_decay` one
        where it is decoupled from the gradient. Else the class gets `l2` as its `weight_decay`.
    step: takes a step of a lane's parameters [P] with its states [S, P], as the class does for the
        same network alone; it must not tell one parameter from another, and keep finite what never
        has a gradient, unless an option `eps` is 0.
    states: what the class keeps of each parameter, by the class's name, each one a row of a lane's
        states in this order; and the option without which it keeps none, "" where it always does.
    scalars: what it keeps beside them, and what they begin with.
    first: the option that the first state begins with; "" for 0.
    kernels: the fastest that the class has: "fused", "foreach", or "" for no choice.
    arguments: the class's arguments of the options.
    check: from options, (option, message) where they do not go together.
    """

    torch_class: str
    options: Mapping[str, Knob]
    step: Callable[[LaneOptimizer, Tensor, Tensor], Step]
    states: Mapping[str, str]
    scalars: Mapping[str, float] = field(default_factory=lambda: {"step": 0.0})
    first: str = ""
    kernels: str = ""
    arguments: Callable[[dict[str, Any]], dict[str, Any]] = lambda options: options
    check: Callable[[Mapping[str, Any]], tuple[str, str] | None] = lambda options: None

    @property
    def has_own_decay(self) -> bool:
        """Whether `weight_decay` is an option of its own; `l2` then is a term of the gradient."""
        return "weight_decay" in self.options

    def used(self, options: Mapping[str, Any]) -> dict[str, int]:
        """The states that it keeps with these options, and their rows."""
        rows = enumerate(self.states.items())
        return {name: row for row, (name, needs) in rows if not needs or options.get(needs)}

    def load_class(self) -> type[Optimizer]:
        """What `torch_class` names."""
        module, _, name = self.torch_class.partition(":")
        found: type[Optimizer] = getattr(import_module(module), name)
        return found
