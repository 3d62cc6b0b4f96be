"""The optimizers' names and options, as a value of `optimizer` or of any key like it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.knobs import BELOW_ONE, FLAG, NOT_NEGATIVE, SHARE, Family, Knob

_BETAS = {"beta1": Knob(0.9, BELOW_ONE), "beta2": Knob(0.999, BELOW_ONE)}
_EPS = {"eps": Knob(1e-8, NOT_NEGATIVE)}

# Names, defaults and meaning are torch.optim's; beta1 and beta2 are its `betas`.
OPTIMIZERS: dict[str, dict[str, Knob]] = {
    "sgd": {
        "momentum": Knob(0.0, BELOW_ONE),
        "nesterov": Knob(False, FLAG),
        "dampening": Knob(0.0, SHARE),
    },
    "rmsprop": {
        "alpha": Knob(0.99, SHARE),
        **_EPS,
        "momentum": Knob(0.0, BELOW_ONE),
        "centered": Knob(False, FLAG),
    },
    "adagrad": {
        "lr_decay": Knob(0.0, NOT_NEGATIVE),
        "eps": Knob(1e-10, NOT_NEGATIVE),
        "initial_accumulator_value": Knob(0.0, NOT_NEGATIVE),
    },
    "adadelta": {"rho": Knob(0.9, SHARE), "eps": Knob(1e-6, NOT_NEGATIVE)},
    "adam": {**_BETAS, **_EPS, "amsgrad": Knob(False, FLAG)},
    "adamax": {**_BETAS, **_EPS},
    "nadam": {**_BETAS, **_EPS, "momentum_decay": Knob(4e-3, NOT_NEGATIVE)},
    "adamw": {
        **_BETAS,
        **_EPS,
        "weight_decay": Knob(1e-2, NOT_NEGATIVE),
        "amsgrad": Knob(False, FLAG),
    },
}


def _nesterov(name: str, options: Mapping[str, Any]) -> tuple[str, str] | None:
    if options.get("nesterov") and (options.get("momentum", 0) <= 0 or options.get("dampening")):
        return "nesterov", "true needs a momentum > 0 and no dampening"
    return None


OPTIMIZER = Family("optimizer", OPTIMIZERS, _nesterov, ("lr", "l2", "l1", "clip_norm", "schedule"))
