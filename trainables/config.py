"""The hyperparameters of training and of the built-in models: names, defaults, what is allowed.

A new hyperparameter is a row in TRAINING, or in the knobs of the model that has it (`models/`), an
optimizer's option one in the optimizer's file (`optim/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError, listing, nearest
from lanewise.trainables.knobs import (
    AT_LEAST_ONE,
    BELOW_ONE,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    WHOLE,
    WITHIN_ONE,
    Family,
    Knob,
    Maybe,
    Rule,
    one_of,
    or_null,
)
from lanewise.trainables.metrics.names import CLASSIFICATION
from lanewise.trainables.models import MODELS
from lanewise.trainables.optim import OPTIMIZER

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info

CLASS_WEIGHT = Rule(
    "balanced, a list of numbers > 0 in the order of the classes",
    lambda v: (
        v == "balanced"
        or (isinstance(v, list | tuple) and len(v) > 1 and all(map(POSITIVE.holds, v)))
    ),
    ("balanced",),
)

_WARMUP = {
    "warmup": Knob(0, NOT_NEGATIVE, "epochs, also parts of one, in which the rate grows linearly")
}

# Defined in `schedules.py`; names that torch.optim.lr_scheduler has too mean the same there.
SCHEDULES: dict[str, dict[str, Knob]] = {
    "constant": {**_WARMUP},
    "step": {
        "every": Knob(10, COUNT, "epochs between two steps"),
        "factor": Knob(0.1, WITHIN_ONE, "of the rate at each step"),
        **_WARMUP,
    },
    "cosine": {
        "final": Knob(0.0, SHARE, "what is left of the rate at the end of the budget"),
        **_WARMUP,
    },
    "one_cycle": {
        "pct_start": Knob(0.3, SHARE, "share of the steps in which the rate rises to `lr`"),
        "div_factor": Knob(25.0, AT_LEAST_ONE, "`lr` over the first rate"),
        "final_div_factor": Knob(1e4, AT_LEAST_ONE, "the first rate over the last"),
    },
    "plateau": {
        "factor": Knob(0.1, WITHIN_ONE, "of the rate when `val_loss` no longer falls"),
        "patience": Knob(10, WHOLE, "epochs without improvement before the rate is reduced"),
        "threshold": Knob(1e-4, BELOW_ONE, "how much better, relatively, counts as better"),
        "cooldown": Knob(0, WHOLE, "epochs after a step before counting begins anew"),
        **_WARMUP,
    },
}

PRECISIONS = ("float32", "bfloat16", "float16")

# Of every model that our loop trains, users' own included.
TRAINING: dict[str, Knob] = {
    "lr": Knob(1e-3, POSITIVE, "learning rate", adjustable=True),
    "optimizer": Knob("adam", OPTIMIZER, "optimization algorithm", adjustable=True),
    "schedule": Knob(
        "constant", Family("schedule", SCHEDULES), "how `lr` changes", adjustable=True
    ),
    "batch_size": Knob(64, COUNT, "rows of one step"),
    "l1": Knob(0.0, NOT_NEGATIVE, "adds l1·Σ|w| over weights to the loss", adjustable=True),
    "l2": Knob(
        0.0,
        NOT_NEGATIVE,
        "adds l2/2·Σw² over all parameters, torch's weight_decay",
        adjustable=True,
    ),
    "activity_l1": Knob(
        0.0, NOT_NEGATIVE, "adds activity_l1·Σ|a| over a row's activations", adjustable=True
    ),
    "label_smoothing": Knob(
        0.0, BELOW_ONE, "share of the target spread over all classes", adjustable=True
    ),
    "class_weight": Knob(
        None, or_null(CLASS_WEIGHT), "the weight of each class in the loss", adjustable=True
    ),
    "sampling": Knob(
        None,
        or_null(one_of(("balanced",))),
        "balanced: rows of rare classes are drawn more often",
        adjustable=True,
    ),
    "noise": Knob(
        0.0, NOT_NEGATIVE, "standard deviation of noise on standardised inputs", adjustable=True
    ),
    "clip_norm": Knob(
        None, or_null(POSITIVE), "the largest norm of the whole gradient", adjustable=True
    ),
    "clip_value": Knob(
        None, or_null(POSITIVE), "the largest value in the gradient", adjustable=True
    ),
    "precision": Knob(
        "float32",
        one_of(PRECISIONS),
        "of the forward pass; on GPUs bfloat16 is faster, float16 with a scaled loss on older ones",
    ),
    "patience": Knob(
        None, or_null(COUNT), "epochs without a better objective that end a trial", adjustable=True
    ),
}


def knobs_of(model: str | None) -> dict[str, Knob]:
    """All hyperparameters of a model; training's alone for one that is not built in."""
    own = MODELS[model].knobs if model in MODELS else {}
    return {**TRAINING, **own}


def check(model: str | None, config: Mapping[str, Any], path: str = "") -> None:
    """Raise ConfigError unless every hyperparameter is known and allowed.

    A user's own model ("my.py:build") takes any further key; a train function (None) any at all.
    `path` is put before the key in the error, as in "space.lr".
    """
    if model is None:
        return
    knobs = knobs_of(model)
    for key, value in config.items():
        at = f"{path}.{key}" if path else key
        if key in knobs:
            knobs[key].rule.check(value, at)
        elif model in MODELS:
            allowed = f"{listing(knobs, limit=40)}{nearest(key, knobs)}"
            raise ConfigError(at, f"{model} has no hyperparameter {key!r} ({allowed})")


def is_adjustable(model: str | None, name: str) -> bool:
    """Whether a hyperparameter may change while a model trains and keeps its weights.

    Args:
        name: in a space, such as "lr", "hidden.0" or "optimizer.sgd.momentum".

    Of a user's own model all keys may that are not training's; of a training function, all.
    """
    if model is None:
        return True
    key, _, option = name.partition(".")
    knob = knobs_of(model).get(key)
    if knob is None:
        return model not in MODELS
    if isinstance(knob.rule, Family | Maybe):
        return knob.adjustable and bool(option) and not knob.rule.is_flag(option)
    return knob.adjustable


def linked(model: str | None) -> tuple[str, ...]:
    """The keys between whose values a model has rules."""
    return MODELS[model].linked if model in MODELS else ()


def check_together(model: str | None, config: Mapping[str, Any]) -> None:
    """Raise ConfigError, at one of `linked`, unless values that are allowed go together too."""
    if model in MODELS:
        MODELS[model].check(complete(model, config))


def check_task(config: Mapping[str, Any], task: str, classes: int) -> None:
    """Raise ConfigError unless the hyperparameters fit the task and its number of classes."""
    weight = config.get("class_weight")
    if task not in CLASSIFICATION:
        for key in ("label_smoothing", "class_weight", "sampling"):
            if config.get(key):
                message = f"{config[key]!r} is for classification; this task is {task}"
                raise ConfigError(key, message)
    elif isinstance(weight, list | tuple) and len(weight) != classes:
        message = f"{len(weight)} weights for {classes} classes; give one of each class"
        raise ConfigError("class_weight", message)


def check_data(model: str | None, config: Mapping[str, Any], info: Info) -> None:
    """Raise ConfigError unless the hyperparameters fit the task, its classes and the examples."""
    # Where a model has a key of training, it says what for.
    own = MODELS[model].knobs if model in MODELS else {}
    common = {key: value for key, value in config.items() if key not in own}
    check_task(common, info.task, len(info.classes or ()))
    if common.get("noise") and info.form in ("text", "ids"):
        message = f"{common['noise']!r} is for inputs that are measured; these are numbers of names"
        raise ConfigError("noise", message)
    if model in MODELS:
        MODELS[model].fits(complete(model, config), info)


def complete(model: str | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with every default filled in; the optimizer becomes {"name": …, every option}."""
    knobs = knobs_of(model)
    full = {key: knob.default for key, knob in knobs.items()} | dict(config)
    return full | {key: knob.rule.complete(full[key]) for key, knob in knobs.items()}
