"""Balanced sampling: every class is as likely, alone and in packs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lanewise.trainables.config import check_task
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.training.epochs import epoch_rows
from lanewise.trainables.training.streams import balanced, order
from lanewise.trainables.training.tensors import fold_tensors
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = {"hidden": [9], "batch_size": 31, "lr": 0.01}


def test_every_class_is_as_likely_and_every_row_of_one():
    codes = np.array([0] * 900 + [1] * 90 + [2] * 10)
    rows = np.concatenate([balanced(0, 0, epoch, codes) for epoch in range(1, 31)])
    counts = np.bincount(codes[rows])
    # 30,000 draws of chance 1/3: 6 sigma of 82.
    assert np.abs(counts - 10_000).max() < 6 * 82
    of_rare = np.bincount(rows, minlength=1000)[990:]
    # Each of ten rows 1,000 times: 6 sigma of 31.
    assert np.abs(of_rare - 1000).max() < 6 * 31.1


def test_an_epoch_has_as_many_rows_and_draws_of_its_own():
    codes = np.arange(50) % 4
    one = balanced(3, 0, 1, codes)
    assert one.dtype == np.int64
    assert one.shape == (50,)
    assert np.array_equal(one, balanced(3, 0, 1, codes))
    for other in ((4, 0, 1), (3, 1, 1), (3, 0, 2)):
        assert not np.array_equal(one, balanced(*other, codes))


def rare(shared):
    """Few rows of the first class to train on."""
    (fold,) = shared.prepared.folds
    kept = np.flatnonzero((fold.y_train != 0) | (np.cumsum(fold.y_train == 0) <= 4))
    cut = replace(fold, x_train=fold.x_train[kept], y_train=fold.y_train[kept])
    return replace(shared, prepared=replace(shared.prepared, folds=(cut,)))


def test_the_knob_decides(recipe):
    (data,) = fold_tensors(rare(recipe("sklearn:wine")).prepared, "cpu", "float32")
    codes = data.y_train.numpy()
    plain = epoch_rows({"sampling": None}, data, 5, 0, 2)
    assert np.array_equal(plain, order(5, 0, 2, len(codes)))
    assert np.array_equal(
        epoch_rows({"sampling": "balanced"}, data, 5, 0, 2), balanced(5, 0, 2, codes)
    )


@pytest.mark.parametrize("source", ["sklearn:wine", "sklearn:breast_cancer"])
def test_lanes_draw_what_they_would_draw_alone(recipe, source):
    shared = recipe(source, dtype="float64", epochs=3)
    shared = rare(shared)
    changes = [{"sampling": "balanced"}, {}, {"sampling": "balanced", "dropout": 0.2}]
    pool = Pool(shared, force_packing=True)
    members = [pool.open({**CONFIG, **change}, seed) for seed, change in enumerate(changes)]
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for seed, (change, member) in enumerate(zip(changes, members, strict=True)):
        alone = open_trial(shared, {**CONFIG, **change}, seed)
        alone.advance(3)
        ours, theirs = (vector(trial) for trial in (member, alone))
        assert float((ours - theirs).norm() / theirs.norm()) <= 1e-6, change


def vector(trial):
    found = trial.replicas[0].tensors()
    named = [t.detach().reshape(-1).double() for n, t in found.items() if n.startswith("now.")]
    return torch.cat(named)


def test_a_rare_class_is_learned_better(recipe):
    """Of 12 seeds, the recall of a class with 4 of 90 rows, after few epochs."""
    shared = rare(recipe("sklearn:wine", epochs=4))
    (fold,) = shared.prepared.folds
    x = torch.from_numpy(fold.x_val[fold.y_val == 0])

    def recall(sampling):
        found = []
        for seed in range(12):
            trial = open_trial(shared, {**CONFIG, "lr": 3e-3, "sampling": sampling}, seed)
            trial.advance(4)
            with torch.no_grad():
                output = trial.replicas[0].module.eval()(x)
            found.append(float((output.argmax(1) == 0).double().mean()))
        return np.mean(found)

    assert recall("balanced") > recall(None) + 0.1


def test_it_is_for_classification():
    with pytest.raises(ConfigError, match=r"sampling: 'balanced' is for classification"):
        check_task({"sampling": "balanced"}, "regression", 0)
