import pickle

import pytest

from lanewise.trainables.config import (
    SCHEDULES,
    check,
    check_together,
    complete,
    is_adjustable,
    linked,
)
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import NORMS
from lanewise.trainables.metrics.names import METRICS, check_metric
from lanewise.trainables.models import MODELS
from lanewise.trainables.optim import OPTIMIZERS

GOOD = {
    "hidden": [],
    "activation": "gelu",
    "dropout": 0,
    "init": "orthogonal",
    "norm": "layer",
    "residual": True,
    "pre_norm": True,
    "l1": 0,
    "l2": 1e-3,
    "batch_size": 1,
    "lr": 1,
    "patience": None,
    "clip_norm": 0.5,
    "clip_value": 1,
    "activity_l1": 0.1,
    "label_smoothing": 0.9,
    "class_weight": (1, 0.5, 3),
    "schedule": {"name": "plateau", "patience": 0, "warmup": 0.5},
    "optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True},
}


@pytest.mark.parametrize("model", MODELS)
def test_defaults_pass(model):
    check(model, {})
    check(model, complete(model, {}))
    check_together(model, {})


def test_good_values_pass():
    check("mlp", GOOD)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_passes_with_its_defaults(name):
    check("mlp", {"schedule": name})
    full = complete("mlp", {"schedule": name})
    assert {"name": name, **{o: knob.default for o, knob in SCHEDULES[name].items()}} == full[
        "schedule"
    ]
    check("mlp", full)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_passes_with_its_defaults(name):
    check("mlp", {"optimizer": name})
    full = complete("mlp", {"optimizer": name})
    assert full["optimizer"] == {
        "name": name,
        **{option: knob.default for option, knob in OPTIMIZERS[name].options.items()},
    }
    check("mlp", full)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"lr": 0}, "lr: 0 is not allowed (a number > 0)"),
        ({"lr": "0.1"}, "lr: '0.1' is not allowed"),
        ({"lr": float("nan")}, "lr: nan is not allowed"),
        ({"lr": True}, "lr: True is not allowed"),
        ({"learning": 1}, "learning: mlp has no hyperparameter 'learning' (lr, optimizer,"),
        ({"hiden": [1]}, "did you mean 'hidden'?"),
        ({"hidden": [0]}, "hidden: [0] is not allowed (a list of whole numbers ≥ 1"),
        ({"hidden": 64}, "hidden: 64 is not allowed"),
        ({"dropout": 1}, "dropout: 1 is not allowed (a number ≥ 0 and < 1)"),
        ({"batch_size": 2.5}, "batch_size: 2.5 is not allowed (a whole number ≥ 1)"),
        ({"patience": 0}, "patience: 0 is not allowed (a whole number ≥ 1 or null)"),
        ({"activation": "rellu"}, "did you mean 'relu'?"),
        ({"activation": ["relu"]}, "activation: ['relu'] is not allowed"),
        ({"init": "kaiming"}, "init: 'kaiming' is not allowed (he_uniform, he_normal, xavier"),
        ({"init": "he_norm"}, "did you mean 'he_normal'?"),
        ({"norm": "none"}, "norm: 'none' is not allowed (batch, layer or null)"),
        ({"norm": "batchnorm"}, "did you mean 'batch'?"),
        ({"residual": 1}, "residual: 1 is not allowed (true or false)"),
        ({"pre_norm": "yes"}, "pre_norm: 'yes' is not allowed (true or false)"),
        ({"label_smoothing": 1}, "label_smoothing: 1 is not allowed (a number ≥ 0 and < 1)"),
        ({"class_weight": "balance"}, "did you mean 'balanced'?"),
        ({"class_weight": [1, 0]}, "class_weight: [1, 0] is not allowed (balanced, a list of"),
        ({"class_weight": [1]}, "class_weight: [1] is not allowed"),
        ({"clip_value": 0}, "clip_value: 0 is not allowed (a number > 0 or null)"),
        ({"schedule": "cosin"}, "schedule: 'cosin' is not a schedule (constant, step, cosine,"),
        ({"schedule": None}, "schedule: None is not a schedule"),
        ({"schedule": {"name": "step", "factor": 1}}, "schedule.factor: 1 is not allowed"),
        ({"schedule": {"name": "one_cycle", "warmup": 1}}, "one_cycle has no option 'warmup'"),
        ({"schedule": {"name": "plateau", "patience": -1}}, "(a whole number ≥ 0)"),
        ({"optimizer": "adamm"}, "optimizer: 'adamm' is not an optimizer"),
        ({"optimizer": {"momentum": 1}}, "optimizer: None is not an optimizer"),
        ({"optimizer": {"name": "sgd", "momentom": 1}}, "optimizer.momentom: sgd has no option"),
        ({"optimizer": {"name": "adam", "beta1": 1}}, "optimizer.beta1: 1 is not allowed"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "optimizer.nesterov: true needs"),
    ],
)
def test_errors_name_the_key(config, line):
    with pytest.raises(ConfigError) as caught:
        check("mlp", config)
    assert line in str(caught.value)
    with pytest.raises(ConfigError, match=r"^space\."):
        check("mlp", config, path="space")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"pre_norm": True}, "pre_norm: true needs a norm (batch, layer)"),
        ({"pre_norm": True, "norm": None}, "pre_norm: true needs a norm"),
        ({"norm": "batch", "batch_size": 1}, "batch_size: 1 is too few: batch normalisation"),
        ({"norm": "layer", "hidden": [8, 1]}, "hidden: a layer norm of a single value is always 0"),
    ],
)
def test_values_that_do_not_go_together(config, line):
    check("mlp", config)
    with pytest.raises(ConfigError) as caught:
        check_together("mlp", config)
    assert line in str(caught.value)
    assert caught.value.path in linked("mlp")
    check_together("my.py:build", config)  # a user's own keys mean what the user wants


def test_values_that_go_together():
    check_together("mlp", {})
    for norm in NORMS:
        check_together("mlp", {"pre_norm": True, "norm": norm})
    check_together("mlp", {"norm": "layer", "batch_size": 1})
    check_together("mlp", {"norm": "batch", "hidden": [1]})


def test_users_models_take_their_own_keys():
    check("my.py:build", {"depth": 3, "lr": 0.1})
    check(None, {"lr": "anything"})
    with pytest.raises(ConfigError, match="lr"):
        check("my.py:build", {"depth": 3, "lr": -1})


def test_metrics():
    assert METRICS["val_accuracy"][:2] == (("binary", "multiclass"), "max")
    check_metric("val_r2", "regression", "objective")
    check_metric("val_r2", None, "objective")
    with pytest.raises(
        ConfigError, match=r"objective: 'val_acuracy' .*did you mean 'val_accuracy'"
    ):
        check_metric("val_acuracy", "binary", "objective")
    with pytest.raises(ConfigError, match="did you mean 'val_accuracy'"):
        check_metric("accuracy", "binary", "objective")
    with pytest.raises(ConfigError, match=r"'val_r2' is a metric of regression, .* this task is"):
        check_metric("val_r2", "binary", "objective")


@pytest.mark.parametrize(
    ("model", "name", "is_so"),
    [
        ("mlp", "lr", True),
        ("mlp", "dropout", True),
        ("mlp", "hidden.0", False),
        ("mlp", "batch_size", False),
        ("mlp", "optimizer", False),
        ("mlp", "optimizer.sgd.momentum", True),
        ("mlp", "optimizer.adam.amsgrad", False),
        ("mlp", "optimizer.sgd.nesterov", False),
        ("transformer", "ratio", False),
        ("autoencoder", "kl", False),  # 0 and 1 are two networks
        ("gan", "game.wasserstein.penalty", True),
        ("my.py:build", "batch_size", False),
        ("my.py:build", "temperature", True),
        (None, "anything", True),
    ],
)
def test_what_may_change_while_a_model_trains(model, name, is_so):
    assert is_adjustable(model, name) == is_so
