"""The feed-forward network's hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.errors import ConfigError, listing
from lanewise.trainables.kinds.kind import Kind, check_batch_norm
from lanewise.trainables.knobs import (
    ACTIVATION,
    BELOW_ONE,
    FLAG,
    INIT,
    NORMS,
    WIDTHS,
    Knob,
    one_of,
    or_null,
)
from lanewise.trainables.metrics.names import SUPERVISED


def _check(full: Mapping[str, Any]) -> None:
    if full["pre_norm"] and full["norm"] is None:
        raise ConfigError("pre_norm", f"true needs a norm ({listing(NORMS)})")
    check_batch_norm(full)
    if full["norm"] == "layer" and 1 in full["hidden"]:
        message = "a layer norm of a single value is always 0; give widths of 2 or more"
        raise ConfigError("hidden", message)


MLP = Kind(
    {
        "hidden": Knob([64, 64], WIDTHS, "the width of each hidden layer"),
        "activation": ACTIVATION,
        "dropout": Knob(0.0, BELOW_ONE, "share of units dropped after each hidden layer"),
        "init": INIT,
        "norm": Knob(None, or_null(one_of(NORMS)), "normalisation in each hidden layer"),
        "residual": Knob(False, FLAG, "each width is two layers and a skip past them"),
        "pre_norm": Knob(False, FLAG, "a norm before each layer instead of behind it"),
    },
    forms=("table", "image", "sequence"),
    tasks=(*SUPERVISED, "forecasting"),
    check=_check,
    linked=("batch_size", "hidden", "norm", "pre_norm"),
)
