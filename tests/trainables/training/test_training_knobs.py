"""The knobs of training, in our loop and beside a loop that a person would write."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.checkpoints.weights import weights_of
from lanewise.trainables.config import SCHEDULES, complete
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.errors import BadValue, ConfigError, ModelError
from lanewise.trainables.metrics.losses import class_weights
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.schedules import factor
from lanewise.trainables.training.streams import order, torch_seed
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")


def trained(recipe, config, epochs, seed=3):
    trial = open_trial(recipe, config, seed)
    trial.advance(epochs)
    return trial


def state(trial):
    """Everything that a checkpoint keeps of the first replica."""
    return trial.replicas[0].tensors()


EVERYTHING = {
    "hidden": [4],
    "l1": 1e-3,
    "l2": 1e-3,
    "activity_l1": 1e-3,
    "label_smoothing": 0.1,
    "class_weight": [1, 2, 0.5],
    "clip_norm": 1.0,
    "clip_value": 0.3,
}
OPTIONS = {
    "constant": {"warmup": 1.5},
    "step": {"every": 1, "factor": 0.5},
    "cosine": {"final": 0.1, "warmup": 0.5},
    "one_cycle": {},
    "plateau": {"patience": 0, "threshold": 0.5, "factor": 0.5},  # halved in nearly every epoch
}


# --- resuming ---


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resume_is_exact_with_every_knob(recipe, tmp_path, optimizer, schedule):
    shared = recipe(epochs=4)
    schedule = {"name": schedule, **OPTIONS[schedule]}
    config = {**EVERYTHING, "optimizer": optimizer, "schedule": schedule}
    straight = trained(shared, config, 3)
    trained(shared, config, 2).save(tmp_path / "c")
    resumed = open_trial(shared, config, 3, tmp_path / "c")
    resumed.advance(3)
    assert straight.rows == resumed.rows
    one, other = state(straight), state(resumed)
    assert set(one) == set(other)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_plateaus_memory_is_in_the_checkpoint(recipe, tmp_path):
    config = {"lr": 1e-9, "schedule": {"name": "plateau", **OPTIONS["plateau"]}}
    trial = trained(recipe(), config, 3)
    assert trial.replicas[0].rate.at(0) == pytest.approx(1e-9 / 4)
    trial.save(tmp_path / "c")
    again = open_trial(recipe(), config, 3, tmp_path / "c")
    assert again.replicas[0].rate.plateau == trial.replicas[0].rate.plateau


@pytest.mark.parametrize("name", SCHEDULES)
def test_another_schedule_can_go_on_from_a_checkpoint(recipe, tmp_path, name):
    trained(recipe(), {"schedule": "plateau"}, 1).save(tmp_path / "c")
    trial = open_trial(recipe(), {"schedule": name, "lr": 0.01}, 3, tmp_path / "c")
    trial.advance(2)
    assert trial.epoch == 2


# --- what is descended: a plain loop over torch ---


def plain_loop(prepared, *, seed, epochs, config, factor_of):
    """float64; the gradient is adjusted in the documented order."""
    fold, lr, size = prepared.folds[0], config["lr"], config["batch_size"]
    x, y = torch.from_numpy(fold.x_train).double(), torch.from_numpy(fold.y_train)
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(seed, 0, "init", 0))
        first = nn.Linear(x.shape[1], config["hidden"][0])
        last = nn.Linear(config["hidden"][0], prepared.info.outputs)
    first, last = first.double(), last.double()
    params = [*first.parameters(), *last.parameters()]
    weight = class_weights(config["class_weight"], y, 3, torch.float64)
    loss_of = nn.CrossEntropyLoss(weight, label_smoothing=config["label_smoothing"])
    optimizer = torch.optim.SGD(params, lr, weight_decay=config["l2"], foreach=False)
    norms = []
    for epoch in range(epochs):
        rows = torch.from_numpy(order(seed, 0, epoch + 1, len(x)))
        for part in rows.split(size):
            hidden = first(x[part]).tanh()
            loss = loss_of(last(hidden), y[part])
            loss = loss + config["activity_l1"] * hidden.abs().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            for p in params:
                if p.ndim == 2:
                    p.grad += config["l1"] * p.detach().sign()
            norms.append(torch.nn.utils.clip_grad_norm_(params, config["clip_norm"]))
            torch.nn.utils.clip_grad_value_(params, config["clip_value"])
            optimizer.param_groups[0]["lr"] = lr * factor_of(len(norms) - 1)
            optimizer.step()
    per_epoch = torch.stack(norms).view(epochs, -1).mean(1)
    return params, per_epoch.tolist()


@pytest.mark.parametrize("weight", ["balanced", [1, 2, 0.5]])
def test_equals_a_plain_loop_with_every_knob(recipe, weight):
    shared = recipe("sklearn:wine", dtype="float64", epochs=5, metrics=("grad_norm",))
    given = {
        **EVERYTHING,
        "activation": "tanh",
        "class_weight": weight,
        "lr": 0.1,
        "batch_size": 16,
        "clip_norm": 0.7,
        "clip_value": 0.2,
        "optimizer": "sgd",
        "schedule": {"name": "cosine", "warmup": 1.5},
    }
    config = complete("mlp", given)
    trial = trained(shared, given, 3, seed=5)
    span = trial.replicas[0].rate.span
    params, norms = plain_loop(
        shared.prepared,
        seed=5,
        epochs=3,
        config=config,
        factor_of=lambda step: factor(config["schedule"], step, span),
    )
    for found, wanted in zip(trial.replicas[0].params, params, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert [row["grad_norm"] for _, row in trial.rows] == pytest.approx(norms)


def test_the_reported_loss_is_the_plain_one(recipe):
    """With weights that hardly move, smoothing, weights and penalties change nothing in a row."""
    shared = recipe(metrics=("gap", "train_loss"))
    plain = trained(shared, {"hidden": [4], "lr": 1e-12, "optimizer": "sgd"}, 1).rows[0][1]
    shaped = trained(shared, {**EVERYTHING, "lr": 1e-12, "optimizer": "sgd"}, 1).rows[0][1]
    assert shaped == pytest.approx(plain, rel=1e-5)
    assert plain["gap"] == pytest.approx(plain["val_loss"] - plain["train_loss"])


@pytest.mark.parametrize(("clip", "l1"), [({}, 0.0), ({"clip_norm": 1e-3}, 0.0), ({}, 0.1)])
def test_grad_norm_is_measured_before_clipping(recipe, clip, l1):
    shared = recipe(monitor="grad_norm", dtype="float64")
    config = {"hidden": [], "lr": 1e-12, "batch_size": 1000, "l1": l1, **clip}
    trial = trained(shared, config, 1)
    replica = trial.replicas[0]
    data, params = replica.data, replica.params
    loss = nn.functional.cross_entropy(replica.module(data.x_train), data.y_train)
    grads = torch.autograd.grad(loss, params)
    signs = [l1 * p.detach().sign() * (p.ndim > 1) for p in params]
    expected = torch.cat([(g + s).flatten() for g, s in zip(grads, signs, strict=True)]).norm()
    assert trial.rows[0][1]["grad_norm"] == pytest.approx(float(expected), rel=1e-6)
    assert trial.course.best_epoch == 1


def test_the_rate_follows_the_schedule_over_the_budget(recipe):
    trial = open_trial(recipe(epochs=4), {"lr": 0.1, "schedule": "cosine"}, 0)
    (replica,) = trial.replicas
    for epoch in range(1, 5):
        trial.advance(epoch)
        done = (epoch * replica.rate.span.steps - 1) / (4 * replica.rate.span.steps)
        expected = 0.1 * (1 + math.cos(math.pi * done)) / 2
        assert replica.optimizer.param_groups[0]["lr"] == pytest.approx(expected)


# --- L1 on activations, in users' modules too ---


class Mine(nn.Module):
    """GELU, and work in place on what it puts out; a function that is no module."""

    def __init__(self, info):
        super().__init__()
        self.first, self.act = nn.Linear(info.input_shape[0], 8), nn.GELU()
        self.last = nn.Linear(8, info.outputs)

    def forward(self, x):
        h = self.act(self.first(x))
        h += 1
        return self.last(torch.relu(h))


def test_activity_l1_makes_activations_small_in_a_users_module(recipe):
    shared = recipe(model="given:build", callable=lambda config, info: Mine(info))
    activity = []
    for strength in (0.0, 10.0):
        trial = trained(shared, {**EVERYTHING, "activity_l1": strength, "lr": 0.01}, 12)
        module = trial.replicas[0].module
        h = module.act(module.first(trial.replicas[0].data.x_val))
        activity.append(float(h.detach().abs().mean()))
        assert not module.act._forward_hooks  # none is left for evaluation or export
    assert activity[1] < activity[0] / 2


def test_activity_l1_without_activation_modules(recipe):
    """A user is told; our own network without hidden layers has nothing to penalise."""

    def build(config, info):
        return nn.Linear(info.input_shape[0], info.outputs)

    with pytest.raises(ModelError, match="activity_l1 needs activation modules"):
        open_trial(recipe(model="given:build", callable=build), {"activity_l1": 0.1}, 0)
    one, other = (trained(recipe(), {"hidden": [], "activity_l1": a}, 1) for a in (0.0, 0.1))
    pairs = zip(*(weights_of(t.replicas[0].module).values() for t in (one, other)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


# --- losses and metrics of a trial ---


@pytest.mark.parametrize(
    ("source", "loss", "monitor", "extra"),
    [
        ("sklearn:iris", "focal", "val_roc_auc", ("val_f1", "val_log_loss", "gap", "grad_norm")),
        ("sklearn:breast_cancer", "binary_cross_entropy", "val_balanced_accuracy", ("val_f1",)),
        ("sklearn:diabetes", "huber", "val_loss", ("val_mae",)),
        ("sklearn:diabetes", "mae", "gap", ()),
    ],
)
def test_best_weights_reproduce_the_best_row(recipe, tmp_path, source, loss, monitor, extra):
    shared = recipe(source, monitor=monitor, metrics=extra, loss={"name": loss}, folds=2)
    trial = trained(shared, {"lr": 0.05}, 3)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", shared)
    assert set(model.metrics) == {"train_loss", "val_loss", monitor, f"{monitor}_std", *extra}
    measured = set(model.metrics) - {"train_loss", "gap", "gap_std", "grad_norm"}
    assert model.evaluate() == pytest.approx({n: model.metrics[n] for n in measured}, rel=1e-6)


def test_a_loaded_model_scores_with_the_loss_it_was_trained_with(recipe, prepared, tmp_path):
    source, mae = "sklearn:diabetes", {"name": "mae"}
    trained(recipe(source, monitor="val_loss", loss=mae), {}, 2).save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", Recipe(model="mlp"))  # as in serving
    found = model.score(prepared(source).test, ("loss", "mae"))
    assert found["loss"] * model.preprocess[0].target_std == pytest.approx(found["mae"], rel=1e-5)


def test_log_loss_does_not_depend_on_the_loss(recipe):
    shared = {"metrics": ("val_log_loss",)}
    plain = trained(recipe(**shared), {}, 1).rows[0][1]
    focal = trained(recipe(loss={"name": "focal"}, **shared), {"lr": 1e-3}, 1).rows[0][1]
    assert plain["val_log_loss"] == pytest.approx(plain["val_loss"], rel=1e-5)
    assert focal["val_log_loss"] > focal["val_loss"]


def test_a_metric_that_is_not_defined_fails_only_the_objective(table):
    """A validation part with one class has no ROC AUC."""
    made = prepare(table(40), source="x", task="binary", seed=0)
    made.folds[0].y_val[:] = 1
    shared = {"model": "mlp", "prepared": made}
    rows = trained(Recipe(**shared, metrics=("val_roc_auc", "val_f1")), {}, 1).rows
    assert set(rows[0][1]) == {"train_loss", "val_loss", "val_f1"}
    with pytest.raises(BadValue, match="epoch 1: val_roc_auc is nan"):
        trained(Recipe(**shared, monitor="val_roc_auc", mode="max"), {}, 1)


@pytest.mark.parametrize(
    ("source", "config", "line"),
    [
        ("sklearn:diabetes", {"label_smoothing": 0.1}, "label_smoothing: 0.1 is for classif"),
        ("sklearn:diabetes", {"class_weight": "balanced"}, "class_weight: 'balanced' is for"),
        ("sklearn:iris", {"class_weight": [1, 2]}, "class_weight: 2 weights for 3 classes"),
    ],
)
def test_knobs_of_other_tasks_are_refused(recipe, source, config, line):
    with pytest.raises(ConfigError, match=line):
        open_trial(recipe(source, monitor="val_loss"), config, 0)


def test_balanced_weights_follow_each_folds_training_part(table):
    """Rare positives count as much as the rest together: recall rises."""
    rng = np.random.default_rng(0)
    data = table(300, (rng.random(300) < 0.1).astype(int))
    data.x_ND[:, 0] = rng.normal(size=300) + 1.5 * data.target
    made = prepare(data, source="x", task="binary", seed=0)
    shared = Recipe(model="mlp", prepared=made, metrics=("train_balanced_accuracy",))
    rows = [
        trained(shared, {"hidden": [], "class_weight": w, "lr": 0.03}, 15).rows[-1][1]
        for w in (None, "balanced")
    ]
    plain, balanced = (row["train_balanced_accuracy"] for row in rows)
    assert balanced > plain + 0.1
