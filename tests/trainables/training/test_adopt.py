"""A trial that takes over another's weights: how it trains on, and what stays its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import CheckpointError, ModelError
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.training.streams import order
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = {"hidden": [9], "batch_size": 32, "lr": 0.01, "dropout": 0.2, "norm": "batch"}


def trained(recipe, config, seed, until, path):
    trial = open_trial(recipe, config, seed)
    trial.advance(until)
    trial.save(path)
    return trial


def tensors(trial, which="now."):
    return {n: t.clone() for n, t in trial.replicas[0].tensors().items() if n.startswith(which)}


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name


def alone(recipe, config, seed, path, adopt):
    return open_trial(recipe, config, seed, path, adopt=adopt)


def packed(recipe, config, seed, path, adopt):
    return Pool(recipe, force_packing=True).open(config, seed, path, adopt=adopt)


@pytest.mark.parametrize("opened", [alone, packed])
@pytest.mark.usefixtures("radam")
@pytest.mark.parametrize("name", [*OPTIMIZERS, "radam"])
def test_weights_and_optimizer_are_the_sources_and_the_rest_its_own(recipe, tmp_path, opened, name):
    shared = recipe("sklearn:wine", epochs=6)
    config = {**CONFIG, "optimizer": name, "schedule": "plateau"}
    source = trained(shared, config, 1, 3, tmp_path / "source")
    own = trained(shared, {**config, "lr": 0.001}, 2, 3, tmp_path / "own")
    changed = {**config, "lr": 0.05}
    trial = opened(shared, changed, 2, tmp_path / "own", tmp_path / "source")
    assert trial.epoch == 3
    assert trial.rows == own.rows
    for which in ("now.", "optimizer.", "rate"):
        assert_equal(tensors(trial, which), tensors(source, which))
    assert_equal(tensors(trial, "best."), tensors(own, "best."))


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_it_trains_on_as_a_plain_loop_from_the_sources_state(recipe, tmp_path, name):
    """torch.nn and torch.optim alone, with the trial's own order of rows and the new rate."""
    shared = recipe("sklearn:wine", epochs=6, dtype="float64")
    options = {"momentum": 0.9} if name == "sgd" else {}
    config = {"hidden": [9], "batch_size": 32, "lr": 0.01, "optimizer": {"name": name, **options}}
    source = trained(shared, config, 1, 2, tmp_path / "source")
    trained(shared, config, 2, 2, tmp_path / "own")
    module = source.replicas[0].module  # as it is after two epochs
    optimizer = source.replicas[0].optimizer
    optimizer.param_groups[0]["lr"] = 0.002
    trial = open_trial(
        shared, {**config, "lr": 0.002}, 2, tmp_path / "own", adopt=tmp_path / "source"
    )
    trial.advance(4)
    data = trial.replicas[0].data
    module.train()
    for epoch in (3, 4):
        rows: Array = order(2, 0, epoch, len(data.x_train))
        for batch in torch.split(torch.from_numpy(rows), trial.replicas[0].batch_sizes):
            optimizer.zero_grad()
            output = module(data.x_train[batch])
            torch.nn.functional.cross_entropy(output, data.y_train[batch]).backward()
            optimizer.step()
    for ours, plain in zip(trial.replicas[0].module.parameters(), module.parameters(), strict=True):
        assert torch.allclose(ours, plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("opened", [alone, packed])
def test_what_was_taken_over_once_is_not_taken_over_again(recipe, tmp_path, opened):
    """Its checkpoint of the new weights stands, whatever has become of the source's."""
    shared = recipe("sklearn:wine", epochs=6)
    trained(shared, CONFIG, 1, 2, tmp_path / "source")
    trained(shared, CONFIG, 2, 2, tmp_path / "own")
    trial = alone(shared, CONFIG, 2, tmp_path / "own", tmp_path / "source")
    trial.advance(3)
    trial.save(tmp_path / "own")
    (tmp_path / "source").unlink()
    again = opened(shared, CONFIG, 2, tmp_path / "own", tmp_path / "source")
    assert again.rows == trial.rows
    assert_equal(tensors(again), tensors(trial))


@pytest.mark.parametrize("opened", [alone, packed])
def test_weights_that_cannot_be_taken_over_are_an_error(recipe, tmp_path, opened):
    shared = recipe("sklearn:wine", epochs=6)
    trained(shared, CONFIG, 2, 2, tmp_path / "own")
    trained(shared, CONFIG, 1, 3, tmp_path / "later")
    trained(shared, {**CONFIG, "hidden": [5]}, 1, 2, tmp_path / "narrow")
    trained(shared, CONFIG, 1, 2, tmp_path / "broken")
    content = bytearray((tmp_path / "broken").read_bytes())
    content[-1] ^= 1
    (tmp_path / "broken").write_bytes(content)
    for name, said in {
        "later": "is of epoch 3",
        "narrow": "of another model",
        "broken": "is damaged",
        "nowhere": "no readable checkpoint",
    }.items():
        with pytest.raises(CheckpointError, match=said):
            opened(shared, CONFIG, 2, tmp_path / "own", tmp_path / name)
    with pytest.raises(CheckpointError, match="beside a checkpoint of its own"):
        opened(shared, CONFIG, 2, None, tmp_path / "later")


@pytest.mark.parametrize("opened", [alone, packed])
def test_the_best_model_is_built_as_it_was_trained(recipe, tmp_path, opened):
    """It was best before it took over; what it trains with now keeps the shapes, and is other."""
    shared = recipe("sklearn:wine", epochs=6, monitor="val_loss")
    trained(shared, {**CONFIG, "activation": "relu"}, 1, 2, tmp_path / "source")
    own = trained(shared, {**CONFIG, "activation": "relu"}, 2, 2, tmp_path / "own")
    best = TrainedModel.load(tmp_path / "own", shared)
    worse = {**CONFIG, "activation": "tanh", "lr": 30.0, "clip_value": 5.0}
    trial = opened(shared, worse, 2, tmp_path / "own", tmp_path / "source")
    trial.save(tmp_path / "own")  # at once, and once more after a restart
    trial = opened(shared, worse, 2, tmp_path / "own", tmp_path / "source")
    trial.until = 3
    if hasattr(trial, "advance"):
        trial.advance(3)
    else:
        trial.replicas[0].pack.turn()
    assert trial.rows[2][1]["val_loss"] > min(row["val_loss"] for _, row in own.rows)
    trial.save(tmp_path / "own")
    stored = TrainedModel.load(tmp_path / "own", shared)
    assert stored.config["activation"] == "relu"
    assert stored.epoch == best.epoch
    assert stored.evaluate(parts=("val",)) == best.evaluate(parts=("val",))


# --- training functions --------------------------------------------------------------------------

TRAIN = """
import pathlib

def train(config, report):
    first, path = 1, []
    if report.checkpoint:
        path = (pathlib.Path(report.checkpoint) / "path").read_text().split()
        first = report.epoch + 1
    for epoch in range(first, 10):
        path.append(config["name"])
        folder = pathlib.Path(config["folder"]) / config["name"]
        folder.mkdir(exist_ok=True)
        (folder / "path").write_text(" ".join(path))
        kept = folder if config.get("keeps", True) else None
        report(epoch, checkpoint=kept, score=epoch, own=float(len(set(path)) == 1))
"""


@pytest.fixture
def function(tmp_path, recipe):
    (tmp_path / "own.py").write_text(TRAIN)
    return recipe(
        model=None, train="own.py:train", base=str(tmp_path), prepared=None, monitor="score"
    )


def named(tmp_path: Path, name: str, **more):
    return {"name": name, "folder": str(tmp_path), **more}


def test_a_function_goes_on_from_the_sources_folder(function, tmp_path):
    trained(function, named(tmp_path, "source"), 1, 3, tmp_path / "trial-1").close()
    trained(function, named(tmp_path, "own"), 2, 3, tmp_path / "trial-2").close()
    for _ in range(2):  # the second time from its own checkpoint
        trial = alone(
            function, named(tmp_path, "own"), 2, tmp_path / "trial-2", tmp_path / "trial-1"
        )
        assert [epoch for epoch, _ in trial.rows] == [1, 2, 3]
        trial.save(tmp_path / "trial-2")
        trial.advance(4)
        trial.close()
        assert trial.rows[-1] == (4, {"score": 4.0, "own": 0.0})
        assert (tmp_path / "own" / "path").read_text() == "source source source own"
        (tmp_path / "trial-1" / "rows.json").unlink(missing_ok=True)


def test_a_function_without_checkpoints_cannot_be_copied(function, tmp_path):
    for name in ("source", "own"):
        config = named(tmp_path, name, keeps=False)
        trained(function, config, 1, 3, tmp_path / f"trial-{name}").close()
    assert json.loads((tmp_path / "trial-source" / "rows.json").read_text())["user"] is None
    with pytest.raises(ModelError, match=r"none was reported; call report\(epoch, checkpoint="):
        alone(
            function, named(tmp_path, "own"), 2, tmp_path / "trial-own", tmp_path / "trial-source"
        )


@pytest.mark.parametrize("opened", [alone, packed])
@pytest.mark.parametrize("rates", [(0.0, 0.3), (0.3, 0.0)])
def test_a_rate_of_zero_has_no_layer_and_shifts_the_numbers_of_others(
    recipe, tmp_path, opened, rates
):
    shared = recipe("sklearn:wine", epochs=6)
    mine, theirs = ({**CONFIG, "hidden": [9, 7], "dropout": rate} for rate in rates)
    source = trained(shared, theirs, 1, 2, tmp_path / "source")
    trained(shared, mine, 2, 2, tmp_path / "own")
    trial = opened(shared, mine, 2, tmp_path / "own", tmp_path / "source")
    ours, sources = tensors(trial), tensors(source)
    assert ours.keys() != sources.keys()
    for (name, tensor), (other, their_tensor) in zip(ours.items(), sources.items(), strict=True):
        assert name.split(".")[2:] == other.split(".")[2:]  # weight, bias, running_mean ...
        assert torch.equal(tensor, their_tensor)
    trial.advance(3) if opened is alone else None
    # Of other layers it is still another model.
    with pytest.raises(CheckpointError, match="of another model"):
        opened(shared, {**mine, "norm": None}, 2, tmp_path / "own", tmp_path / "source")


@pytest.mark.parametrize("opened", [alone, packed])
def test_best_weights_of_its_own_architecture_stay_until_there_are_better_ones(
    recipe, tmp_path, opened
):
    shared = recipe("sklearn:wine", epochs=6)
    theirs, mine = CONFIG, {**CONFIG, "norm": None, "hidden": [5]}
    trained(shared, theirs, 1, 3, tmp_path / "source")
    own = trained(shared, mine, 2, 3, tmp_path / "own")
    trial = opened(shared, theirs, 2, tmp_path / "own", tmp_path / "source")
    assert_equal(tensors(trial, "best."), tensors(own, "best."))
    trial.save(tmp_path / "again")
    again = opened(shared, theirs, 2, tmp_path / "again", tmp_path / "source")
    assert_equal(tensors(again, "best."), tensors(own, "best."))
    kept = TrainedModel.load(tmp_path / "again", shared)
    assert kept.config["hidden"] == [5]
    again.replicas[0].keep_best()
    assert tensors(again, "best.").keys() != tensors(own, "best.").keys()
