"""The hyperparameters of training and of the built-in models: names, defaults, what is allowed.

A new hyperparameter is a row in TRAINING or MODEL_KNOBS, an optimizer's option in OPTIMIZERS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from trainables.errors import ConfigError, listing, nearest

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid")


@dataclass(frozen=True)
class Rule:
    """What a value may be, in words and as a test."""

    allowed: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Knob:
    """One hyperparameter: its default and its rule."""

    default: Any
    rule: Rule


def _real(words: str, holds: Callable[[float], bool]) -> Rule:
    return Rule(words, lambda v: _is_real(v) and holds(v))


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _or_null(rule: Rule) -> Rule:
    return Rule(f"{rule.allowed} or null", lambda v: v is None or rule.holds(v))


POSITIVE = _real("a number > 0", lambda v: v > 0)
NOT_NEGATIVE = _real("a number ≥ 0", lambda v: v >= 0)
BELOW_ONE = _real("a number ≥ 0 and < 1", lambda v: 0 <= v < 1)
SHARE = _real("a number from 0 to 1", lambda v: 0 <= v <= 1)
COUNT = Rule("a whole number ≥ 1", _is_count)
FLAG = Rule("true or false", lambda v: isinstance(v, bool))
WIDTHS = Rule(
    "a list of whole numbers ≥ 1, such as [64, 32]; it may be empty",
    lambda v: isinstance(v, list | tuple) and all(map(_is_count, v)),
)
ACTIVATION = Rule(listing(ACTIVATIONS), lambda v: v in ACTIVATIONS)

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

# Of every model that our loop trains, users' own included. `optimizer` has rules of its own.
TRAINING: dict[str, Knob] = {
    "lr": Knob(1e-3, POSITIVE),
    "optimizer": Knob("adam", Rule(listing(OPTIMIZERS), lambda v: True)),
    "batch_size": Knob(64, COUNT),
    "l1": Knob(0.0, NOT_NEGATIVE),
    "l2": Knob(0.0, NOT_NEGATIVE),
    "clip_norm": Knob(None, _or_null(POSITIVE)),
    "patience": Knob(None, _or_null(COUNT)),
}

MODEL_KNOBS: dict[str, dict[str, Knob]] = {
    "mlp": {
        "hidden": Knob([64, 64], WIDTHS),
        "activation": Knob("relu", ACTIVATION),
        "dropout": Knob(0.0, BELOW_ONE),
    },
}

MODELS = tuple(MODEL_KNOBS)


def check(model: str | None, config: Mapping[str, Any], path: str = "") -> None:
    """Raise ConfigError unless every hyperparameter is known and allowed.

    A user's own model ("my.py:build") takes any further key; a train function (None) any at all.
    `path` is put before the key in the error, as in "space.lr".
    """
    if model is None:
        return
    knobs = {**TRAINING, **MODEL_KNOBS.get(model, {})}
    for key, value in config.items():
        at = f"{path}.{key}" if path else key
        if key == "optimizer":
            check_optimizer(value, at)
        elif key in knobs:
            _check_value(value, knobs[key].rule, at)
        elif model in MODEL_KNOBS:
            allowed = f"{listing(knobs, limit=40)}{nearest(key, knobs)}"
            raise ConfigError(at, f"{model} has no hyperparameter {key!r} ({allowed})")


def check_optimizer(value: Any, path: str = "optimizer") -> None:
    """Raise ConfigError unless `value` is "adam" or {"name": "sgd", "momentum": 0.9}."""
    options = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = options.pop("name", None)
    if not isinstance(name, str) or name not in OPTIMIZERS:
        allowed = f"{listing(OPTIMIZERS)}{nearest(name, OPTIMIZERS)}"
        raise ConfigError(path, f"{name!r} is not an optimizer ({allowed})")
    knobs = OPTIMIZERS[name]
    for key, option in options.items():
        if key not in knobs:
            allowed = f"{listing(knobs)}{nearest(key, knobs)}"
            raise ConfigError(f"{path}.{key}", f"{name} has no option {key!r} ({allowed})")
        _check_value(option, knobs[key].rule, f"{path}.{key}")
    if options.get("nesterov") and (options.get("momentum", 0) <= 0 or options.get("dampening")):
        message = "true needs a momentum > 0 and no dampening"
        raise ConfigError(f"{path}.nesterov", message)


def _check_value(value: Any, rule: Rule, path: str) -> None:
    try:
        good = rule.holds(value)
    except TypeError:  # an unhashable or incomparable value
        good = False
    if not good:
        near = ""
        if isinstance(value, str) and rule is ACTIVATION:
            near = nearest(value, ACTIVATIONS)
        raise ConfigError(path, f"{value!r} is not allowed ({rule.allowed}{near})")


def complete(model: str | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with every default filled in; the optimizer becomes {"name": …, every option}."""
    knobs = {**TRAINING, **MODEL_KNOBS.get(model or "", {})}
    full = {key: knob.default for key, knob in knobs.items()} | dict(config)
    given = full["optimizer"]
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    defaults = {key: knob.default for key, knob in OPTIMIZERS[options["name"]].items()}
    full["optimizer"] = {**defaults, **options}
    return full
