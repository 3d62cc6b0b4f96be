"""What is known of a built-in model without building it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import Knob
from lanewise.trainables.metrics.names import SUPERVISED

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info


@dataclass(frozen=True)
class Kind:
    """One model: its hyperparameters, and what it can be trained on.

    knobs: its own, beside those of all training.
    forms: of one example, the preferred one first: "table" [F], "image" [C, H, W],
        "sequence" [T, F], "text" [T] of tokens, "ids" [2] of a user and an item.
    tasks: see `metrics.names.TASKS`; a model with one task needs none to be named.
    check: raises ConfigError, at one of `linked`, unless the values of a complete configuration
        go together.
    fits: raises ConfigError, at one of `linked`, unless they suit the data.
    alone: why it never trains as a lane, in a line; "" where a probe decides.
    """

    knobs: Mapping[str, Knob]
    forms: tuple[str, ...] = ("table",)
    tasks: tuple[str, ...] = SUPERVISED
    check: Callable[[Mapping[str, Any]], None] = lambda full: None
    fits: Callable[[Mapping[str, Any], Info], None] = lambda full, info: None
    linked: tuple[str, ...] = ()
    alone: str = ""


def check_batch_norm(full: Mapping[str, Any]) -> None:
    """Raise ConfigError, at "batch_size", where a batch norm would see single rows."""
    if full["norm"] == "batch" and full["batch_size"] == 1:
        raise ConfigError("batch_size", "1 is too few: batch normalisation needs 2 rows or more")
