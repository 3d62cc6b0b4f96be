"""Batch normalisation in training: no batch of one row, exact checkpoints, true best weights."""

import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.checkpoints.weights import weights_of
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.training import replica
from lanewise.trainables.training.batches import batch_sizes
from lanewise.trainables.trial import open_trial

NORMED = {"norm": "batch", "hidden": [16, 8], "residual": True, "pre_norm": True, "dropout": 0.1}
ROWS = 106  # of iris's training part


@pytest.mark.parametrize("size", [2, 3, 5, 16])
def test_a_single_row_joins_the_batch_before_if_there_is_batch_norm(size):
    for rows in range(2, 4 * size):
        plain = [len(part) for part in torch.split(torch.arange(rows), size)]
        assert batch_sizes(nn.LayerNorm(3), rows, size) == plain
        joined = plain if plain[-1] > 1 else [*plain[:-2], size + 1]
        assert batch_sizes(nn.Sequential(nn.BatchNorm1d(3)), rows, size) == joined


def users(config, info):
    width = info.input_shape[0]
    return nn.Sequential(nn.Linear(width, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


class Frozen(nn.Module):
    """A batch norm that its owner keeps in evaluation mode, as of a pretrained part."""

    def __init__(self, config, info):
        super().__init__()
        self.norm, self.out = nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.norm(x))

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self


def seen_sizes(trial):
    """Rows of each forward pass in the next epoch's training."""
    sizes, (only,) = [], trial.replicas
    hook = only.module.register_forward_pre_hook(lambda module, x: sizes.append(len(x[0])))
    only.train_epoch(trial.epoch + 1)
    hook.remove()
    return sizes


def test_a_single_row_that_is_left_over(recipe):
    single = {"batch_size": 35}
    assert seen_sizes(open_trial(recipe(), single, 1)) == [35, 35, 35, 1]
    assert seen_sizes(open_trial(recipe(), {**single, **NORMED}, 1)) == [35, 35, 36]
    own = recipe(model="my:users", callable=users)
    assert seen_sizes(open_trial(own, single, 1)) == [35, 35, 36]
    assert seen_sizes(open_trial(own, {"batch_size": 52}, 1)) == [52, 52, 2]
    frozen = recipe(model="my:frozen", callable=Frozen)
    assert seen_sizes(open_trial(frozen, {"batch_size": 1}, 1)) == [1] * ROWS


def test_batches_are_the_same_however_many_are_gathered_at_once(recipe, monkeypatch):
    config = {**NORMED, "batch_size": 15}
    one = open_trial(recipe(), config, 1)
    one.advance(2)
    monkeypatch.setattr(replica, "_GATHER", 1)
    two = open_trial(recipe(), config, 1)
    two.advance(2)
    assert one.rows == two.rows
    assert seen_sizes(two) == [15] * 6 + [16]


def test_one_row_is_one_clear_line(recipe):
    line = "batch_size: 1 is too few: batch normalisation needs 2 rows or more"
    for shared in (recipe(), recipe(model="my:users", callable=users)):
        config = {"batch_size": 1} | ({} if shared.callable else {"norm": "batch"})
        with pytest.raises(ConfigError) as caught:
            open_trial(shared, config, 1)
        assert str(caught.value) == line
    with pytest.raises(ConfigError, match="data: one row to train on is too few"):
        batch_sizes(nn.BatchNorm1d(3), 1, 64)
    open_trial(recipe(), {"batch_size": 1}, 1)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_resume_is_exact_with_running_statistics(recipe, tmp_path, pre_norm):
    config = {**NORMED, "pre_norm": pre_norm, "batch_size": 35}
    straight = open_trial(recipe(), config, 3)
    straight.advance(5)
    trial = open_trial(recipe(), config, 3)
    trial.advance(2)
    trial.save(tmp_path / "c")
    resumed = open_trial(recipe(), config, 3, tmp_path / "c")
    resumed.advance(5)
    now, then = (weights_of(t.replicas[0].module) for t in (straight, resumed))
    assert all(torch.equal(now[name], then[name]) for name in now)
    counters = [t for name, t in then.items() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(int(count) == 5 * 3 for count in counters)
    assert straight.rows == resumed.rows


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_best_weights_come_with_their_running_statistics(recipe, tmp_path, norm):
    """With a learning rate so high that the last epoch is not the best."""
    config = {**NORMED, "norm": norm, "lr": 0.1}
    shared = recipe(monitor="val_loss")
    trial = open_trial(shared, config, 1)
    trial.advance(8)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", shared)
    assert model.epoch < 8
    for name, value in model.evaluate().items():
        assert value == pytest.approx(model.metrics[name], rel=1e-6)
    again = open_trial(shared, config, 1)
    again.advance(model.epoch)
    then, kept = weights_of(again.replicas[0].module), weights_of(model.module)
    assert all(torch.equal(then[name], kept[name]) for name in then)
