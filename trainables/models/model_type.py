"""What is registered of a built-in model. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import Knob
from lanewise.trainables.metrics.names import SUPERVISED

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info


@dataclass(frozen=True)
class ModelType:
    """One model: what builds it, its hyperparameters, and what it can be trained on.

    build: "package.module:function", imported when it is called as build(config, info), which
        returns an nn.Module with outputs [B, info.outputs].
    knobs: its own, beside those of all training.
    space: the ready-made one, where an expert would start, as a sweep file's `space` holds it.
    forms: of one example, the preferred one first: "table" [F], "image" [C, H, W],
        "sequence" [T, F], "text" [T] of tokens, "ids" [2] of a user and an item.
    tasks: see `metrics.names.TASKS`; a model with one task needs none to be named.
    check: raises ConfigError, at one of `linked`, unless the values of a complete configuration
        go together.
    fits: raises ConfigError, at one of `linked`, unless they suit the data.
    replica: "package.module:Class" of what trains it, where that is not `training.replica.Replica`.
    alone: why it never trains as a lane, in a line; "" where a probe decides.
    """

    build: str
    knobs: Mapping[str, Knob]
    space: Mapping[str, Any]
    forms: tuple[str, ...] = ("table",)
    tasks: tuple[str, ...] = SUPERVISED
    check: Callable[[Mapping[str, Any]], None] = lambda full: None
    fits: Callable[[Mapping[str, Any], Info], None] = lambda full, info: None
    linked: tuple[str, ...] = ()
    replica: str = "lanewise.trainables.training.replica:Replica"
    alone: str = ""

    @property
    def builder(self) -> Callable[..., Any]:
        """The function that `build` names. Imports torch."""
        return _load(self.build)

    @property
    def replica_class(self) -> Callable[..., Any]:
        """The class that `replica` names. Imports torch."""
        return _load(self.replica)


def _load(reference: str) -> Callable[..., Any]:
    module, _, name = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def check_batch_norm(full: Mapping[str, Any]) -> None:
    """Raise ConfigError, at "batch_size", where a batch norm would see single rows."""
    if full["norm"] == "batch" and full["batch_size"] == 1:
        raise ConfigError("batch_size", "1 is too few: batch normalisation needs 2 rows or more")
