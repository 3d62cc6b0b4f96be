"""All contenders do the same work: rows, network, hyperparameters, one epoch of training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from digits_mlp import ours
from digits_mlp.training import Training, tensors
from digits_mlp.workload import OPTIMIZERS, WIDTHS, parts, raw_parts
from lanewise.plan import Plan
from lanewise.trainables.training import streams
from lanewise.trainables.training.draws import Draws, own_draws
from lanewise.trainables.training.model_trial import ModelTrial
from lanewise.trainables.training.tensors import fold_tensors
from lanewise.trainables.trial import open_trial

SEED = 3


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return ours.plan(tmp_path_factory.mktemp("workload"))


def test_lanewise_and_the_peers_have_the_same_rows(plan: Plan) -> None:
    assert plan.prepared is not None
    (fold,) = plan.prepared.folds
    theirs = parts()
    assert [len(part) for part in theirs] == [1200, 1200, 597, 597]
    np.testing.assert_allclose(fold.x_train, theirs.x_train, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fold.x_val, theirs.x_val, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(fold.y_train, theirs.y_train)
    np.testing.assert_array_equal(fold.y_val, theirs.y_val)
    assert plan.prepared.test is None


def test_no_row_is_in_both_parts() -> None:
    raw = raw_parts()
    every = np.concatenate([raw.x_train, raw.x_val])
    assert len(np.unique(every, axis=0)) == 1797


def test_the_sweep_file_has_the_space_of_the_peers(plan: Plan) -> None:
    space = plan.spec.space.to_json()
    assert space["hidden"] == {"choice": [[width, width] for width in WIDTHS]}
    assert space["lr"] == {"float": [1e-4, 1e-1], "log": True}
    assert space["l2"] == {"float": [1e-6, 1e-2], "log": True}
    assert space["dropout"] == {"float": [0.0, 0.5]}
    configs = [config for _, config in plan.spec.space.probes()]
    assert {_name(config["optimizer"]) for config in configs} == set(OPTIMIZERS)


def _name(optimizer: Any) -> str:
    return optimizer["name"] if isinstance(optimizer, dict) else optimizer


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_epoch_of_ours_and_theirs_is_the_same(plan: Plan, optimizer: str) -> None:
    theirs = {"width": 32, "lr": 0.01, "l2": 0.01, "dropout": 0.3, "optimizer": optimizer}
    recipe = replace(plan.recipe(), dtype="float64")
    trial = open_trial(recipe, ours.config(theirs), SEED)
    assert isinstance(trial, ModelTrial)
    training, masks = their_training(theirs, trial.replicas[0].module)
    trial.advance(2)
    for epoch, row in trial.rows:
        masks.generator = streams.stream(SEED, 0, "dropout", epoch)
        loss = training.train(torch.from_numpy(streams.order(SEED, 0, epoch, 1200)))
        expected = {"train_loss": loss, **training.evaluate()}
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert len(trial.rows) == 2


def their_training(config: dict[str, Any], network: nn.Module) -> tuple[Training, Draws]:
    """The peers' training in float64, begun with our weights; its dropout draws what ours does."""
    data = tensors(parts())
    data = data._replace(x_train=data.x_train.double(), x_val=data.x_val.double())
    training = Training(config, data)
    training.network.double()
    assert count(training.network) == count(network)
    with torch.no_grad():
        for their, our in zip(training.params, network.parameters(), strict=True):
            their.copy_(our)
    masks = Draws()
    own_draws(training.network, masks)
    return training, masks


def count(module: nn.Module) -> int:
    return sum(param.numel() for param in module.parameters())


def test_their_evaluation_is_of_the_whole_validation_part(plan: Plan) -> None:
    assert plan.prepared is not None
    (fold,) = fold_tensors(plan.prepared, "cpu", "float32")
    config = {"width": 16, "lr": 0.01, "l2": 1e-4, "dropout": 0.5, "optimizer": "adam"}
    training = Training(config, tensors(parts()))
    training.epoch()
    training.network.eval()
    right = int((training.network(fold.x_val).argmax(1) == fold.y_val).sum())
    assert training.evaluate()["val_accuracy"] == pytest.approx(right / 597)
