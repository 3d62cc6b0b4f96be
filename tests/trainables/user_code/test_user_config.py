"""User code may change the configuration that it is given: it has a copy at each call."""

import copy

import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints import files as checkpoint
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.trial import open_trial

CONFIG = {
    "width": 8,
    "block": {"name": "leaky", "negative_slope": 0.2},
    "hidden": [4, 6],
    "lr": 0.01,
    "optimizer": {"name": "sgd", "momentum": 0.5},
}


def pops(config, info):
    """Takes out what it uses, at each depth."""
    block = config["block"]
    kind, width, widths = block.pop("name"), config.pop("width"), config["hidden"]
    act = {"relu": nn.ReLU, "leaky": nn.LeakyReLU}[kind](**block)
    layers = [nn.Linear(info.input_shape[0], width), act]
    while widths:
        width, before = widths.pop(0), width
        layers += [nn.Linear(before, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, info.outputs))


def overwrites(config, info):
    """Fills in, renames and clears."""
    assert config["block"]["name"] == "leaky"
    assert "made" not in config["block"]
    config["block"]["made"] = True
    config["hidden"].append(99)
    config["lr"] = 1e9  # the training loop's own
    config["optimizer"].clear()
    made = nn.Linear(info.input_shape[0], info.outputs)
    made.config = config
    config.clear()
    return made


@pytest.mark.parametrize("build", [pops, overwrites])
@pytest.mark.parametrize(("folds", "seeds"), [(1, 1), (3, 1), (1, 2)])
def test_each_build_has_a_copy_and_the_checkpoint_the_original(
    recipe, tmp_path, build, folds, seeds
):
    shared = recipe("sklearn:wine", model="my.py:build", callable=build, folds=folds, seeds=seeds)
    given = copy.deepcopy(CONFIG)
    trial = open_trial(shared, given, 1)
    trial.advance(2)
    trial.save(tmp_path / "c")
    assert given == CONFIG
    assert checkpoint.read(tmp_path / "c")[1]["given"] == CONFIG
    model = TrainedModel.load(tmp_path / "c", shared)
    assert model.evaluate()["val_loss"] == pytest.approx(dict(trial.rows)[model.epoch]["val_loss"])
    again = open_trial(shared, given, 1, tmp_path / "c")
    again.advance(3)
    assert again.epoch == 3


@pytest.mark.parametrize("build", [pops, overwrites])
def test_lanes_have_copies_too(recipe, tmp_path, build):
    shared = recipe("sklearn:wine", model="my.py:build", callable=build, folds=2)
    given = copy.deepcopy(CONFIG)
    pool = Pool(shared, force_packing=True)
    members = [pool.open(given, seed) for seed in (1, 2)]
    assert not any(member.alone for member in members)
    for member in members:
        member.until = 2
    while pool.due():
        pool.turn()
    assert [member.error for member in members] == [None, None]
    members[0].save(tmp_path / "c")
    assert given == CONFIG
    assert checkpoint.read(tmp_path / "c")[1]["given"] == CONFIG
    assert TrainedModel.load(tmp_path / "c", shared).epoch > 0


def test_a_training_function_has_a_copy(recipe):
    shared = recipe()
    seen = []

    def train(config, report):
        seen.append(config["block"].pop("name"))
        config["hidden"].clear()
        config.clear()
        report(1, loss=1.0)

    from lanewise.trainables.recipe import Recipe

    given = copy.deepcopy(CONFIG)
    fixed = {"more": {"depth": [1]}}
    shared = Recipe(train="my.py:train", callable=train, monitor="loss", fixed=fixed)
    for seed in (1, 2):
        trial = open_trial(shared, given, seed)
        trial.advance(2)
        trial.close()
    assert seen == ["leaky", "leaky"]
    assert given == CONFIG
    assert fixed == {"more": {"depth": [1]}}


def test_the_fixed_settings_are_copied(recipe):
    def build(config, info):
        return nn.Linear(info.input_shape[0], config["sizes"].pop() * info.outputs)

    fixed = {"sizes": [1]}
    shared = recipe("sklearn:wine", model="my.py:build", callable=build, fixed=fixed, folds=3)
    trial = open_trial(shared, {}, 1)
    trial.advance(1)
    assert fixed == {"sizes": [1]}
    assert torch.isfinite(torch.tensor(trial.rows[0][1]["val_loss"]))
