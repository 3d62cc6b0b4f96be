"""Trials with splits of their own: as lanes of one stack they compute what they would alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.table import Groups
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = [
    {"hidden": [8], "batch_size": 16, "dropout": 0.2, "optimizer": "adam"},
    {"hidden": [7], "batch_size": 16, "lr": 0.05},
    {"hidden": [8], "batch_size": 16, "activation": "tanh", "norm": "batch"},
]


def shared(rows, task="binary", **more):
    folds = more.pop("folds", 1)
    data = prepare(rows, source="rows", task=task, folds=folds, reshuffle=True).for_trials()
    return Recipe(
        model="mlp", prepared=data, monitor="val_loss", dtype="float64", epochs=4, threads=1, **more
    )


def trained(pool):
    while pool.due():
        pool.turn()


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("task", "folds", "seeds"), [("binary", 1, 1), ("regression", 2, 2)])
def test_lanes_of_other_rows_are_what_they_are_alone(table, grouped, task, folds, seeds):
    rng = np.random.default_rng(1)
    rows = table(90, rng.normal(3, 2, 90) if task == "regression" else None)
    if grouped:  # parts of other sizes, and so perhaps another stack
        rows = replace(rows, groups=Groups("of", np.arange(90) // rng.integers(3, 6)))
    recipe = shared(rows, task, folds=folds, seeds=seeds, metrics=("train_loss", "train_mse")[:1])
    pool = Pool(recipe, force_packing=True)
    members = [pool.open(config, 10 + seed) for seed, config in enumerate(CONFIGS)]
    members += [pool.open(CONFIGS[1], 99)]
    for member in members:
        member.until = 4
    if not grouped:  # the same shapes and another split
        assert members[1].replicas[0].pack is members[3].replicas[0].pack
    trained(pool)
    for member, (config, seed) in zip(
        members, [*zip(CONFIGS, (10, 11, 12), strict=True), (CONFIGS[1], 99)], strict=True
    ):
        alone = open_trial(recipe, config, seed)
        alone.advance(4)
        for (_, ours), (_, theirs) in zip(member.rows, alone.rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)
    assert members[1].rows != members[3].rows


def test_a_trial_goes_on_with_the_split_that_it_had(table, tmp_path):
    recipe = shared(table(80))
    whole = open_trial(recipe, CONFIGS[0], 5)
    whole.advance(4)
    begun = open_trial(recipe, CONFIGS[0], 5)
    begun.advance(2)
    begun.save(tmp_path / "begun")
    again = Pool(recipe, force_packing=True).open(CONFIGS[0], 5, tmp_path / "begun")
    again.until = 4
    again.replicas[0].pack.turn()
    again.replicas[0].pack.turn()
    assert [metrics for _, metrics in again.rows] == [
        pytest.approx(metrics, rel=1e-6) for _, metrics in whole.rows
    ]
