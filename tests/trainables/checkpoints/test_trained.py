import numpy as np
import pytest
from torch import nn

from lanewise.trainables.checkpoints import files as checkpoint
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.errors import CheckpointError, DataError, ModelError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial


def loaded(recipe, config, epochs, path):
    trial = open_trial(recipe, config, 1)
    trial.advance(epochs)
    trial.save(path / "c")
    return trial, TrainedModel.load(path / "c", recipe)


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize(
    ("source", "monitor", "extra"),
    [
        ("sklearn:wine", "val_accuracy", ("train_accuracy",)),
        ("sklearn:breast_cancer", "val_accuracy", ()),
        ("sklearn:diabetes", "val_r2", ("val_mae", "val_rmse", "val_mse")),
    ],
)
def test_best_weights_reproduce_the_best_row(recipe, tmp_path, source, monitor, extra, folds):
    """With a learning rate so high that the last epoch is not the best."""
    shared = recipe(source, monitor=monitor, metrics=extra, folds=folds, seeds=2)
    trial, model = loaded(shared, {"lr": 0.05, "dropout": 0.2}, 8, tmp_path)
    best = max(trial.rows, key=lambda row: (row[1][monitor], -row[1]["val_loss"]))
    assert (model.epoch, model.metrics) == best
    found = model.evaluate()
    assert {*found, "train_loss"} == set(best[1])
    for name, value in found.items():
        assert value == pytest.approx(best[1][name], rel=1e-6)
    assert len(model.modules) == 2 * folds
    assert model.module is model.modules[0]


def test_predictions_have_the_datas_labels(table, tmp_path):
    y = np.array(["no", "yes"] * 40, dtype=object)
    data = table(80, y)
    data.x_ND[:, 0] = np.where(y == "yes", 3, -3)
    made = prepare(data, source="x", task=infer_task(data, task=None, metric=None), seed=0)
    shared = Recipe(model="mlp", prepared=made.for_trials())
    _, model = loaded(shared, {"lr": 0.02}, 10, tmp_path)
    assert model.predict(data).tolist() == y.tolist()
    proba = model.predict_proba(data)
    assert proba.shape == (80, 2)
    assert np.allclose(proba.sum(1), 1)
    assert model.predict({"a": [3, -3], "b": [0, 0], "city": ["Mars", None]}).tolist() == [
        "yes",
        "no",
    ]
    assert model.score(made.test, ("loss", "accuracy"))["accuracy"] == 1
    alone = Recipe(model="mlp")  # serving has no training data
    assert TrainedModel.load(tmp_path / "c", alone).predict(data).tolist() == y.tolist()
    with pytest.raises(DataError, match="needs the data"):
        TrainedModel.load(tmp_path / "c", alone).evaluate()


def test_regression_predicts_in_the_targets_units(recipe, prepared, tmp_path):
    _, model = loaded(recipe("sklearn:diabetes", monitor="val_r2"), {}, 10, tmp_path)
    test = prepared("sklearn:diabetes").test
    predicted = model.predict(test.x_ND)
    assert predicted.shape == (len(test),)
    mse = np.mean((predicted - test.target) ** 2)
    assert model.score(test, ("mse", "r2"))["mse"] == pytest.approx(mse, rel=1e-5)
    with pytest.raises(ModelError, match="no class probabilities"):
        model.predict_proba(test)


def test_before_the_first_epoch_there_is_no_model(recipe, tmp_path):
    with pytest.raises(CheckpointError, match="no finished epoch"):
        loaded(recipe(), {}, 0, tmp_path)


def test_a_checkpoint_may_be_older_than_a_hyperparameter(recipe, tmp_path):
    _, model = loaded(recipe(), {}, 1, tmp_path)
    tensors, state = checkpoint.read(tmp_path / "c")
    for name in ("norm", "residual", "pre_norm", "init"):
        del state["config"][name]
    checkpoint.write(tmp_path / "c", tensors, state)
    older = TrainedModel.load(tmp_path / "c", recipe())
    assert older.evaluate() == model.evaluate()


class Tied(nn.Module):
    """Two names for one weight, as language models have."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.out(self.second(self.first(x).relu()))


def test_tied_weights_are_saved_once_and_stay_tied(recipe, tmp_path):
    shared = recipe(model="my:build", callable=lambda config, info: Tied())
    _, model = loaded(shared, {}, 2, tmp_path)
    assert model.module.second.weight is model.module.first.weight
    assert model.evaluate()["val_loss"] == pytest.approx(model.metrics["val_loss"])
