"""The stored best model is held against what was reported of it."""

import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints.fidelity import difference, stored_best
from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.trial import open_trial


class Drifts(nn.Module):
    """Learns outside of its state, from the third epoch on."""

    def __init__(self, config, info):
        super().__init__()
        self.body, self.passes, self.shift = nn.Linear(13, info.outputs), 0, 0.0

    def forward(self, x):
        self.passes += self.training
        if self.passes > 5:
            self.shift = self.shift + 1.0
        return self.body(x) + self.shift * torch.tensor([1.0, 0.0, -1.0])


def stored(recipe, path, config, epochs=4, **more):
    shared = recipe("sklearn:wine", **more)
    trial = open_trial(shared, config, 1)
    trial.advance(epochs)
    trial.save(path)
    return shared, trial


@pytest.mark.parametrize(
    "more", [{}, {"folds": 3}, {"seeds": 2, "metrics": ("train_accuracy", "val_f1")}]
)
def test_a_faithful_model_gives_no_word(recipe, tmp_path, more):
    shared, trial = stored(recipe, tmp_path / "c", {"lr": 0.02, "dropout": 0.2}, **more)
    epoch = trial.course.best_epoch
    row = dict(trial.rows)[epoch]
    paths = [tmp_path / "gone", tmp_path / "c"]
    assert stored_best(paths, shared, 5, epoch).epoch == epoch
    assert difference(paths, shared, 5, epoch, row) == ""
    told = difference(paths, shared, 5, epoch, row | {"val_loss": row["val_loss"] * 1.01})
    assert told.startswith("trial 5 as it is stored is not what was trained: val_loss ")
    assert told.endswith("was reported")
    assert "train" not in told.replace("trained", "")


def test_lanes_are_faithful_too(recipe, tmp_path):
    shared = recipe("sklearn:wine")
    pool = Pool(shared, force_packing=True)
    members = [pool.open({"lr": lr, "hidden": [8]}, 1) for lr in (0.001, 0.01, 0.1)]
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for number, member in enumerate(members):
        assert not member.alone
        member.save(tmp_path / str(number))
        epoch = member._course.best_epoch
        row = dict(member.rows)[epoch]
        assert difference([tmp_path / str(number)], shared, number, epoch, row) == ""


def test_what_is_lost_is_told(recipe, tmp_path):
    more = {"model": "my.py:Drifts", "callable": Drifts, "monitor": "val_loss", "mode": "max"}
    shared, trial = stored(recipe, tmp_path / "c", {"lr": 0.01}, **more)
    epoch = trial.course.best_epoch
    assert epoch == 4  # the worst, which is the best here, has drifted
    told = difference([tmp_path / "c"], shared, 0, epoch, dict(trial.rows)[epoch])
    assert "is not what was trained: val_loss" in told


def test_what_cannot_be_read_is_told(recipe, tmp_path):
    shared, trial = stored(recipe, tmp_path / "c", {"lr": 0.01})
    row = trial.rows[0][1]
    told = difference([tmp_path / "gone"], shared, 7, 1, row)
    assert told == (
        "trial 7 as it is stored cannot be evaluated: CheckpointError: the weights of trial 7 at "
        "epoch 1 are in no checkpoint"
    )
    (tmp_path / "c").write_bytes(b"nothing")
    assert "cannot be evaluated: CheckpointError" in difference([tmp_path / "c"], shared, 7, 1, row)
    with pytest.raises(CheckpointError):
        stored_best([tmp_path / "c"], shared, 7, 1)


def test_a_representation_is_two_lines(recipe, tmp_path):
    for more in ({}, {"folds": 2}):
        shared, trial = stored(recipe, tmp_path / "c", {"hidden": [8]}, **more)
        model = stored_best([tmp_path / "c"], shared, 0, trial.course.best_epoch)
        first, second = repr(model).splitlines()
        assert "mlp: multiclass, inputs 13, outputs 3, 139 parameters" in first
        assert f"epoch {model.epoch}: val_accuracy 0." in second
        assert len(repr(model)) < 300
        assert len(repr(shared)) < 400
