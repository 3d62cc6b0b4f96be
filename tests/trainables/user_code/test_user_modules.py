"""`best.model` is what was trained, whatever a user's module is made of."""

import warnings

import pytest
import torch
from user_modules import BUILDS, Complex, Late

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.trial import open_trial


def shared_recipe(recipe, make, **more):
    def build(config, info):
        return make(info.input_shape[0], info.outputs)

    return recipe("sklearn:wine", model="my.py:build", callable=build, **more)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        for words in ("Lazy modules are a new", ".*sparse", "`torch.jit.script`", ".*torch.jit"):
            warnings.filterwarnings("ignore", message=words)
        yield


def reproduces(model, row):
    for name, value in model.evaluate().items():
        assert value == pytest.approx(row[name], rel=1e-5), name


CONFIG = {"lr": 0.02, "optimizer": {"name": "adam"}}


@pytest.mark.parametrize("name", BUILDS)
def test_the_best_model_is_what_was_trained(recipe, tmp_path, name):
    """And a trial that goes on from its checkpoint is where it was."""
    make = BUILDS[name]
    shared = shared_recipe(recipe, make)
    trial = open_trial(shared, CONFIG, 1)
    trial.advance(3)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", shared)
    reproduces(model, model.metrics)
    assert model.metrics == dict(trial.rows)[model.epoch]
    assert trial.rows[-1][1]["train_loss"] < trial.rows[0][1]["train_loss"]
    trial.advance(5)
    again = open_trial(shared, CONFIG, 1, tmp_path / "c")
    again.advance(5)
    for (_, ours), (_, theirs) in zip(again.rows, trial.rows, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("name", BUILDS)
def test_a_pack_trains_it_as_alone_or_leaves_it_alone(recipe, tmp_path, name):
    shared = shared_recipe(recipe, BUILDS[name])
    alone = open_trial(shared, CONFIG, 1)
    alone.advance(2)
    pool = Pool(shared, force_packing=True)
    members = [pool.open(CONFIG, seed) for seed in (1, 2)]
    for member in members:
        member.until = 2
    while pool.due():
        pool.turn()
    assert [member.error for member in members] == [None, None]
    members[0].save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", shared)
    reproduces(model, members[0].rows[model.epoch - 1][1])
    if members[0].alone:
        assert members[0].rows == alone.rows
    else:
        assert members[0].rows[0][1]["val_loss"] == pytest.approx(
            alone.rows[0][1]["val_loss"], rel=1e-4
        )


def test_complex_numbers_stay_complex(recipe, tmp_path):
    shared = shared_recipe(recipe, Complex)
    trial = open_trial(shared, CONFIG, 1)
    trial.advance(1)
    trial.save(tmp_path / "c")
    module = TrainedModel.load(tmp_path / "c", shared).module
    assert (module.w.dtype, module.phase.dtype) == (torch.complex64, torch.complex64)
    assert module.w.imag.abs().max() > 0


def test_parameters_that_come_late_are_trained(recipe):
    shared = shared_recipe(recipe, Late)
    trial = open_trial(shared, CONFIG, 1)
    trial.advance(2)
    assert not torch.equal(trial.replicas[0].module.gain, torch.full((3,), 3.0))
