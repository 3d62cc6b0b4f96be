"""Every built-in model, from its own example: shapes, seeds, checkpoints, the lane law, export."""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from new_model import MAXOUT, SWEEP
from torch import Tensor, nn

from lanewise import sweepfile
from lanewise.plan import make_plan
from lanewise.reference import markdown
from lanewise.schema import json_schema
from lanewise.spaces import Space
from lanewise.trainables.checkpoints.files import read
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.config import check, check_together, complete, is_adjustable
from lanewise.trainables.errors import ConfigError, ModelError
from lanewise.trainables.metrics.names import OF_TRAINING
from lanewise.trainables.models import MODELS
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe, check_model
from lanewise.trainables.training import latent
from lanewise.trainables.training.unit import build_module
from lanewise.trainables.trial import open_trial

HOUSE = Path(__file__).parents[2]
EXAMPLES = {name: HOUSE / "examples" / f"{name}.yaml" for name in MODELS}
EXAMPLES["mlp"] = HOUSE / "examples" / "digits.yaml"
NAMES = (*MODELS, "maxout")  # see `new_model`
ROWS, EPOCHS = 96, 2  # of the example's data; training is chaotic, and few steps are enough

pytestmark = pytest.mark.usefixtures("one_thread", "maxout")


@pytest.fixture
def one_thread():
    from lanewise.trainables.training.model_trial import threads

    with threads(1):
        yield


@pytest.fixture
def maxout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of one file and one row."""
    monkeypatch.setitem(MODELS, "maxout", MAXOUT)


@functools.cache
def plan(name: str) -> Any:
    file = sweepfile.read(EXAMPLES[name]) if name in EXAMPLES else sweepfile.parse(SWEEP, name)
    return make_plan(file, HOUSE / "examples")


@functools.cache
def recipe(name: str, dtype: str = "float32") -> Recipe:
    """The example's, on a few rows of its data."""
    made = plan(name).recipe()
    assert made.prepared is not None
    folds = [
        dataclasses.replace(
            fold,
            x_train=fold.x_train[:ROWS],
            y_train=fold.y_train[:ROWS],
            x_val=fold.x_val[:ROWS],
            y_val=fold.y_val[:ROWS],
        )
        for fold in made.prepared.folds
    ]
    prepared = dataclasses.replace(made.prepared, folds=tuple(folds))
    return dataclasses.replace(
        made, prepared=prepared, resampled=None, dtype=dtype, epochs=EPOCHS, threads=1
    )


@functools.cache
def config(name: str, seed: int = 0) -> dict[str, Any]:
    """One of the example's configurations, of which no two steps are far apart."""
    space: Space = plan(name).spec.space
    drawn = space.sample(np.random.default_rng(seed))
    return {**plan(name).file.fixed, **drawn, "optimizer": "adam", "lr": 1e-3}


def module_of(name: str, seed: int = 0, dtype: str = "float32") -> nn.Module:
    full = complete(name, config(name))
    info = recipe(name).prepared.info
    return build_module(MODELS[name].builder, full, info, seed=seed, device="cpu", dtype=dtype)


def rows_of(name: str, count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """What the module's forward takes."""
    if MODELS[name].tasks == ("generation",):
        return latent.fixed(count, config(name)["latent"], like=torch.empty(0, dtype=dtype))
    x = torch.from_numpy(recipe(name).prepared.folds[0].x_val[:count].copy())
    return x.to(dtype) if x.is_floating_point() else x


def train(name: str, dtype: str = "float32", seed: int = 3):
    trial = open_trial(recipe(name, dtype), config(name), seed)
    trial.advance(EPOCHS)
    return trial


trained = functools.cache(train)  # for who only looks at it


def test_every_model_has_all_its_parts() -> None:
    for name, example in EXAMPLES.items():
        assert example.is_file()
        assert sweepfile.read(example).model_name == name
        assert (MODELS[name].builder.__doc__ or "").count("\n") > 2


def test_a_row_is_all_that_registers_one() -> None:
    """Found by its name, with a space, adjustable, in the schema and in the reference."""
    assert set(plan("maxout").spec.space.names) == set(MAXOUT.space)
    with pytest.raises(ConfigError, match=r"did you mean 'units'"):
        check("maxout", {"unit": 3})
    with pytest.raises(ModelError, match=r"did you mean 'maxout'"):
        check_model("max-out", ".")
    assert is_adjustable("maxout", "dropout")
    assert not is_adjustable("maxout", "units")
    assert "### `maxout`\n" in markdown()
    assert "maxout" in json_schema()["properties"]["model"]["anyOf"][0]["enum"]


@pytest.mark.parametrize("name", NAMES)
def test_every_corner_of_the_ready_made_space_is_allowed(name: str) -> None:
    space = Space.from_json(MODELS[name].space)
    for _, corner in space.probes():
        check(name, corner)
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(50)]
    for each in drawn:
        check(name, each)
        check_together(name, each)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_hyperparameter_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match="has no hyperparameter 'drpout'"):
        check(name, {"drpout": 0.1})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_types(name: str, dtype: str) -> None:
    module, info = module_of(name, dtype=dtype).eval(), recipe(name).prepared.info
    kind = getattr(torch, dtype)
    with torch.no_grad():
        for count in (1, 5):
            output = module(rows_of(name, count, kind))
            assert output.shape == (count, info.outputs)
            assert output.dtype == kind
    assert all(p.dtype == kind for p in module.parameters() if p.is_floating_point())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("name", NAMES)
def test_on_a_gpu(name: str) -> None:
    on_gpu = dataclasses.replace(recipe(name), device="cuda")
    trial = open_trial(on_gpu, config(name), 3)
    trial.advance(EPOCHS)
    alone = trained(name).rows[0][1]
    assert trial.rows[0][1]["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_everything(name: str) -> None:
    one, same, other = trained(name), train(name), train(name, seed=4)
    assert one.rows == same.rows
    assert one.rows != other.rows


@pytest.mark.parametrize("name", NAMES)
def test_a_row_does_not_depend_on_its_company(name: str) -> None:
    module = module_of(name, dtype="float64").eval()
    x = rows_of(name, 8, torch.float64)
    with torch.no_grad():
        together = module(x)
        alone = torch.cat([module(row) for row in x.split(1)])
    assert torch.allclose(together, alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name: str) -> None:
    trial = open_trial(recipe(name), config(name), 3)
    (replica, *_) = trial.replicas
    before = copy.deepcopy(dict(replica.module.named_parameters()))
    trial.advance(EPOCHS)
    still = [n for n, p in replica.module.named_parameters() if torch.equal(p, before[n])]
    assert still == []


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_been(name: str, tmp_path: Path) -> None:
    whole = trained(name)
    first = open_trial(recipe(name), config(name), 3)
    first.advance(1)
    first.save(tmp_path / "trial")
    second = open_trial(recipe(name), config(name), 3, tmp_path / "trial")
    second.advance(EPOCHS)
    assert second.rows == whole.rows


@pytest.mark.parametrize("name", NAMES)
def test_what_was_saved_is_the_model_of_its_best_row(name: str, tmp_path: Path) -> None:
    trial = trained(name)
    trial.save(tmp_path / "trial")
    model = TrainedModel.load(tmp_path / "trial", recipe(name))
    found = model.evaluate()
    assert found
    for metric, value in found.items():
        assert model.metrics[metric] == pytest.approx(value, rel=1e-6)
        assert metric not in OF_TRAINING
    test = plan(name).prepared.test
    if test is not None:
        scores = model.score(test.take(np.arange(min(50, len(test)))))
        assert np.isfinite(scores["loss"])


@pytest.mark.parametrize("name", NAMES)
def test_a_lane_computes_what_it_would_alone_or_says_why_not(name: str, tmp_path: Path) -> None:
    shared = recipe(name, "float64")
    pool = Pool(shared, force_packing=True)
    seeds = (3, 4)
    members = [pool.open(config(name), seed) for seed in seeds]
    if MODELS[name].alone:
        assert {member.alone for member in members} == {MODELS[name].alone}
        return
    assert [member.alone for member in members] == [""] * len(seeds)
    for member in members:
        member.until = EPOCHS
    while pool.due():
        pool.turn()
    for member, seed in zip(members, seeds, strict=True):
        if member.error is not None:
            raise member.error
        alone = trained(name, "float64", seed)
        member.save(tmp_path / "lane")
        alone.save(tmp_path / "alone")
        ours, theirs = read(tmp_path / "lane")[0], read(tmp_path / "alone")[0]
        now = [key for key in theirs if ".now." in key]
        assert sorted(now) == sorted(key for key in ours if ".now." in key)
        size = max(float(theirs[key].double().abs().max()) for key in now)
        for key in now:
            assert float((ours[key].double() - theirs[key].double()).abs().max()) <= 1e-6 * size, (
                key
            )


# torch warns of what its own recurrent layers do with their weights; they are exported.
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_its_forward_can_be_exported(name: str) -> None:
    module, x = module_of(name).eval(), rows_of(name, 4)
    batch = torch.export.Dim("batch", min=2, max=4096)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    longer = rows_of(name, 7)
    with torch.no_grad():
        assert torch.allclose(exported.module()(longer), module(longer), atol=1e-5)
