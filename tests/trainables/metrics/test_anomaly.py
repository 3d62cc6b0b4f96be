"""Anomalies: the threshold and every metric against scikit-learn; which rows are what."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.parts import Part
from lanewise.trainables.data.table import Table
from lanewise.trainables.errors import ConfigError, DataError
from lanewise.trainables.metrics.anomaly import best_threshold, f1_above, row_scores
from lanewise.trainables.metrics.losses import make_loss
from lanewise.trainables.metrics.names import BASE, check_metric, reported
from lanewise.trainables.metrics.scores import at_threshold, scores_of
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")
many = settings(deadline=None, max_examples=80, derandomize=True)

# --- metrics -------------------------------------------------------------------------------------


@st.composite
def scored(draw):
    """Scores [N], many of them equal, and which are of anomalies [N], some and not all."""
    rows = draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    score = rng.integers(0, draw(st.integers(1, 8)), rows) / 4
    is_anomaly = rng.random(rows) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    is_anomaly[0], is_anomaly[1] = True, False
    return torch.tensor(score), torch.tensor(is_anomaly)


@many
@given(scored())
def test_no_threshold_has_a_better_f1_and_the_found_one_has_that_very_f1(drawn):
    score, is_anomaly = drawn
    threshold, f1 = best_threshold(score, is_anomaly)
    between = [-1.0, *np.unique(score.numpy())]
    found = [
        sk.f1_score(is_anomaly.numpy(), score.numpy() > each, zero_division=0) for each in between
    ]
    assert float(f1) == pytest.approx(max(found))
    called = score.numpy() > float(threshold)
    assert sk.f1_score(is_anomaly.numpy(), called) == pytest.approx(float(f1))
    assert float(f1_above(score, is_anomaly, float(threshold))) == pytest.approx(float(f1))


def test_the_threshold_is_halfway_and_of_equals_the_highest():
    score = torch.tensor([4.0, 3.0, 1.0, 0.0]).double()
    threshold, f1 = best_threshold(score, torch.tensor([1, 0, 0, 0]))
    assert (float(threshold), float(f1)) == (3.5, 1.0)
    # Above 3.5 and above 0.5 the F1 is 2/3.
    threshold, f1 = best_threshold(score, torch.tensor([1, 0, 0, 1]))
    assert (float(threshold), float(f1)) == (3.5, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    "values", [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, float(np.nextafter(1, 2)), 1.0]]
)
@pytest.mark.parametrize("labels", list(itertools.product([0, 1], repeat=3))[1:])
def test_the_f1_is_that_of_the_threshold_where_no_number_lies_between(values, labels):
    """All rows alike, or two scores that are neighbours."""
    score, is_anomaly = torch.tensor(values).double(), torch.tensor(labels)
    threshold, f1 = best_threshold(score, is_anomaly)
    assert float(f1_above(score, is_anomaly, float(threshold))) == float(f1) > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_has_no_threshold(bad):
    y = torch.tensor([[0.0, 0], [0, 1], [0, 0]])
    output = torch.tensor([[1.0], [2.0], [bad]])
    for name in ("roc_auc", "f1", "threshold"):
        assert np.isnan(float(scores_of("anomaly")[name](output, y, 1.0))), name


def test_without_anomalies_the_f1_is_0_and_there_is_no_area():
    output, y = torch.tensor([[1.0], [2.0]]), torch.zeros(2, 2)
    assert float(scores_of("anomaly")["f1"](output, y, 1.0)) == 0
    assert np.isnan(float(scores_of("anomaly")["roc_auc"](output, y, 1.0)))


@st.composite
def reconstructed(draw):
    """Outputs [K, N, D] and targets [K, N, D + 1] on a coarse grid."""
    lanes, rows, values = draw(st.integers(1, 4)), draw(st.integers(3, 20)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    output = rng.integers(-2, 3, (lanes, rows, values)) / 2
    y = rng.integers(-2, 3, (lanes, rows, values + 1)) / 2
    y[..., -1] = rng.random((lanes, rows)) < 0.4
    y[:, 0, -1], y[:, 1:3, -1] = 1, 0
    y[:, 1, 0], y[:, 2, 0] = 0, 1  # something varies
    return torch.tensor(output), torch.tensor(y)


@many
@given(reconstructed())
def test_metrics_agree_with_scikit_learn_and_lanes_with_one_after_the_other(drawn):
    output, y = drawn
    ours = {name: scores_of("anomaly")[name] for name, m in BASE.items() if "anomaly" in m.of_task}
    found = {name: score(output, y, 1.0) for name, score in ours.items()}
    losses = {name: make_loss({"name": name}, "anomaly") for name in ("mse", "mae")}
    for k in range(len(output)):
        for name, score in ours.items():
            assert float(found[name][k]) == pytest.approx(float(score(output[k], y[k], 1.0)))
        values, is_anomaly = y[k, :, :-1].numpy(), y[k, :, -1].numpy() > 0
        score = np.square(output[k].numpy() - values).mean(1)
        assert row_scores(output[k], y[k, :, :-1]).numpy() == pytest.approx(score)
        assert float(found["roc_auc"][k]) == pytest.approx(sk.roc_auc_score(is_anomaly, score))
        normal = values[~is_anomaly], output[k].numpy()[~is_anomaly]
        squares, absolute = sk.mean_squared_error(*normal), sk.mean_absolute_error(*normal)
        assert float(found["mse"][k]) == pytest.approx(squares)
        assert float(found["rmse"][k]) == pytest.approx(squares**0.5)
        assert float(found["mae"][k]) == pytest.approx(absolute)
        whole = normal[0].reshape(-1), normal[1].reshape(-1)
        assert float(found["r2"][k]) == pytest.approx(sk.r2_score(*whole))
        for name, wanted in (("mse", squares), ("mae", absolute)):
            assert float(losses[name](output, y)[k]) == pytest.approx(wanted)
            assert float(losses[name](output[k], y[k])) == pytest.approx(wanted)


def test_a_known_threshold_takes_the_place_of_the_best_one():
    output, y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0, 0], [0, 1], [0, 0]])
    known = at_threshold(2.0)  # scores 1, 4, 9
    assert float(known["f1"](output, y, 1.0)) == pytest.approx(2 / 3)
    assert float(known["threshold"](output, y, 1.0)) == 2


def test_every_row_of_the_task_has_the_threshold_and_the_training_part_has_none_of_these():
    assert "val_threshold" in reported((), "val_loss", "anomaly")
    assert "val_threshold" not in reported((), "val_loss", "reconstruction")
    for name in ("train_f1", "train_roc_auc", "train_threshold"):
        with pytest.raises(ConfigError, match=f"{name}.*metric"):
            check_metric(name, "anomaly", "metrics")
    check_metric("train_f1", "binary", "metrics")


# --- rows ----------------------------------------------------------------------------------------


def table(labels, seed=0):
    """Two columns of numbers, alike but for their sign where the label is "bad"."""
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    along = rng.choice([-1, 1], len(labels)) * rng.uniform(0.5, 2, len(labels))
    x = along[:, None] + 0.05 * rng.normal(size=(len(labels), 2))
    x[labels == "bad", 1] *= -1
    return Table(x, ("a", "b"), {}, ("a", "b"), labels.astype(object), "y")


def made(rows, anomalies=("bad",), **more):
    return prepare(rows, source="x", task="anomaly", anomalies=anomalies, **more)


MIXED = table(["bad" if i % 5 == 0 else "good" if i % 2 else "fine" for i in range(200)])


@pytest.mark.parametrize("folds", [1, 3])
def test_no_model_trains_on_an_anomaly_and_the_other_parts_have_their_share(folds):
    prepared = made(MIXED, folds=folds, split=(0.6, 0.2, 0.2))
    for fold in prepared.folds:
        assert fold.y_train[:, -1].sum() == 0
        assert fold.y_val[:, -1].mean() == pytest.approx(0.2, abs=0.02)
        assert np.array_equal(fold.y_val[:, :-1], fold.x_val)
        assert fold.x_train.mean(0) == pytest.approx(0, abs=1e-6)  # fitted without anomalies
    assert prepared.info.outputs == 2
    assert prepared.info.anomalies == ("bad",)
    assert prepared.identity["anomaly"] == ["bad"]
    (note,) = prepared.notes
    assert note.endswith("anomalies of the training part are not used")
    kept = prepared.identity["parts"]["train"]
    assert kept == len(prepared.folds[0].x_train)


def test_several_labels_and_numbers():
    rows = table(["bad"] * 40)
    rows = Table(rows.x_ND, ("a", "b"), {}, ("a", "b"), np.arange(40) % 4 * 1.0, "y")
    prepared = made(rows, (2, 3))
    assert prepared.folds[0].y_val[:, -1].mean() == pytest.approx(0.5, abs=0.1)
    with pytest.raises(DataError, match="no row has the label '2' in 'y'"):
        made(rows, ("2",))


def test_anomalies_may_be_in_parts_of_their_own_alone():
    """The usual case: what is trained on is known to be normal."""
    own = {
        "validation": Part("v", table(["bad", "good"] * 20, 1)),
        "test": Part("t", table(["bad", "good", "good"] * 10, 2)),
    }
    prepared = made(table(["good"] * 60), own=own, split=(1, 0, 0))
    assert prepared.folds[0].y_train[:, -1].sum() == 0
    assert prepared.folds[0].y_val[:, -1].sum() == 20
    assert prepared.notes == ()
    own["validation"] = Part("v", table(["good"] * 20, 1))
    with pytest.raises(DataError, match="validation part has no anomaly among its 20 rows"):
        made(table(["good"] * 60), own=own, split=(1, 0, 0))
    own["validation"] = Part("v", table(["bad"] * 20, 1))
    with pytest.raises(DataError, match="validation part has no normal row among its 20 rows"):
        made(table(["good"] * 60), own=own, split=(1, 0, 0))


@pytest.mark.parametrize(
    ("labels", "anomalies", "message"),
    [
        (["good"] * 30, ("bad",), r"data.anomaly: no row has the label 'bad' in 'y' \(good\)"),
        (["good", "bad"] * 15, None, "data.anomaly: name the label"),
        (["bad"] * 39 + ["good"], ("bad",), "training part has less than 2 normal rows"),
        (["good"] * 39 + ["bad"], ("bad",), "validation part has no anomaly"),
    ],
)
def test_bad_data_are_one_line(labels, anomalies, message):
    with pytest.raises(DataError, match=message):
        made(table(labels), anomalies)


# --- a trained model -----------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_model_scores_and_calls_rows_as_its_validation_said(tmp_path, seeds):
    prepared = made(MIXED, split=(0.6, 0.2, 0.2))
    recipe = Recipe(
        model="autoencoder",
        prepared=prepared.for_trials(),
        monitor="val_roc_auc",
        mode="max",
        metrics=("val_f1",),
        seeds=seeds,
        threads=1,
    )
    trial = open_trial(recipe, {"hidden": [8], "code": 1, "lr": 0.02, "activation": "tanh"}, 0)
    trial.advance(20)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", recipe)
    best = model.metrics
    assert best["val_roc_auc"] > 0.9
    assert model.evaluate() == pytest.approx(
        {name: value for name, value in best.items() if name != "train_loss"}
    )
    fold, alone = prepared.folds[0], TrainedModel.load(tmp_path / "c", Recipe(model="autoencoder"))
    rows, is_anomaly = prepared.test, prepared.test.target == "bad"
    score = alone.score_samples(rows)
    assert score.shape == (40,)
    assert score.dtype == np.float64
    called = alone.predict(rows)
    assert called.dtype == bool
    assert np.array_equal(called, score > best["val_threshold"])
    assert sk.roc_auc_score(is_anomaly, score) > 0.9
    found = alone.score(rows, ("loss", "f1", "roc_auc", "threshold", "mse"))
    assert found["threshold"] == best["val_threshold"]
    assert found["loss"] == pytest.approx(found["mse"], rel=1e-5)
    if seeds == 1:
        assert found["f1"] == pytest.approx(sk.f1_score(is_anomaly, called))
        assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(is_anomaly, score))
        assert found["mse"] == pytest.approx(score[~is_anomaly].mean(), rel=1e-5)
        val = fold.y_val[:, -1] > 0
        output = alone.module(torch.from_numpy(fold.x_val)).detach()
        again = row_scores(output, torch.from_numpy(fold.y_val[:, :-1])).numpy()
        assert best["val_f1"] == pytest.approx(sk.f1_score(val, again > best["val_threshold"]))
