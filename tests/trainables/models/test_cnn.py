"""The convolutional network: its layers, its knobs, and that it trains as a lane."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints import files as checkpoints
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.config import check, check_data, check_together, complete
from lanewise.trainables.data.info import Info
from lanewise.trainables.errors import ConfigError, DataError
from lanewise.trainables.knobs import ACTIVATIONS
from lanewise.trainables.models.cnn import CNN, DOWN, IMAGE_NORMS, POOLS
from lanewise.trainables.models.cnn.module import POOLS as LAYERS
from lanewise.trainables.models.cnn.module import cnn, groups
from lanewise.trainables.models.common.initialise import INITS
from lanewise.trainables.models.common.layers import Residual
from lanewise.trainables.packs.gain import room_for
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

B, OUT = 12, 5  # batch, outputs
DIGITS = Info("multiclass", (1, 8, 8), OUT, tuple(range(OUT)), form="image")
ARCHITECTURES = [
    dict(zip(("convolutions", "down", "norm", "residual", "global_pool"), values, strict=True))
    for values in itertools.product(
        (1, 2), (None, *DOWN), (None, *IMAGE_NORMS), (False, True), (None, *POOLS)
    )
]


def build(info=DIGITS, seed=0, **config) -> nn.Module:
    check("cnn", config)
    check_together("cnn", config)
    check_data("cnn", complete("cnn", config), info)
    torch.manual_seed(seed)
    return cnn(complete("cnn", config), info).double()


def inputs(rows=B, shape=(1, 8, 8)):
    return torch.randn(
        rows, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )


def same(one: nn.Module, other: nn.Module) -> bool:
    """Same names, same values, same outputs."""
    a, b, x = one.state_dict(), other.double().state_dict(), inputs()
    equal = list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)
    return equal and torch.equal(one.eval()(x), other.eval()(x))


# --- what a person would write -------------------------------------------------------------------


def test_the_plain_network_is_a_sequence_of_torchs_layers():
    found = build(
        channels=[3, 4], norm=None, global_pool=None, hidden=[6], dropout=0.2, spatial_dropout=0.1
    )
    torch.manual_seed(0)
    expected = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.1),
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.1),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 6), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(6, OUT),
    )  # fmt: skip
    assert same(found, expected)
    assert [type(a) for a in found] == [type(b) for b in expected]


def test_a_stride_norms_and_two_convolutions():
    found = build(
        channels=[4], convolutions=2, kernel=5, down="stride", norm="batch", activation="tanh"
    )
    torch.manual_seed(0)
    expected = nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2, bias=False), nn.BatchNorm2d(4), nn.Tanh(),
        nn.Conv2d(4, 4, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(4), nn.Tanh(),
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4, OUT),
    )  # fmt: skip
    assert same(found, expected)


def test_a_residual_block_is_the_papers():
    """He et al. 2016: relu(norm(conv(relu(norm(conv(x))))) + x), projected where shapes differ."""
    net = build(channels=[4, 4], convolutions=2, residual=True, down=None, norm="batch")
    first, second = (part for part in net if isinstance(part, Residual))
    x = inputs()
    for block in (first, second):
        one, norm, _, two, last = block.branch
        inner = last(two(torch.relu(norm(one(x)))))
        past = block.skip[1](block.skip[0](x)) if block is first else x
        x = torch.relu(inner + past)
    assert torch.equal(net[:2](inputs()), x)
    assert isinstance(second.skip, nn.Identity)


def test_groups_of_a_norm_share_the_channels_out():
    assert {c: groups(c) for c in (2, 3, 8, 12, 16, 24, 32, 64, 100)} == {
        2: 1, 3: 1, 8: 2, 12: 3, 16: 4, 24: 6, 32: 8, 64: 8, 100: 5,
    }  # fmt: skip


def test_every_name_that_is_allowed_is_there():
    assert tuple(LAYERS) == POOLS
    assert set(DOWN) == {"stride", *LAYERS}


# --- every combination ---------------------------------------------------------------------------


def test_every_parameter_learns():
    """Shapes, finite outputs, and no parameter whose gradient is zero: none is dead or useless."""
    more = itertools.cycle(itertools.product(ACTIVATIONS, (None, *INITS)))
    for arch, (activation, init) in zip(ARCHITECTURES, more, strict=False):
        net = build(**arch, channels=[4, 8, 8], activation=activation, init=init, hidden=[7])
        output_BO = net(inputs())
        assert output_BO.shape == (B, OUT)
        assert torch.isfinite(output_BO).all()
        nn.functional.cross_entropy(output_BO, torch.arange(B) % OUT).backward()
        largest = {name: float(p.grad.abs().max()) for name, p in net.named_parameters()}
        # Rounding would be 1e-16 of the largest; a sigmoid's gradient fades with each layer.
        assert min(largest.values()) > 1e-10 * max(largest.values()), (arch, activation, largest)
        assert net.eval()(inputs(1)).shape == (1, OUT)


@pytest.mark.parametrize(
    ("shape", "down"),
    [*itertools.product([(1, 8, 8), (3, 9, 13), (2, 4, 31)], [None, *DOWN]), ((1, 1, 1), None)],
)
def test_pictures_of_any_size(shape, down):
    info = replace(DIGITS, input_shape=shape)
    for pool in (None, *POOLS):
        net = build(info, channels=[3, 4], down=down, global_pool=pool, norm=None).eval()
        assert net(inputs(2, shape)).shape == (2, OUT)


KNOBS = {
    "channels": [3, 5],
    "convolutions": 2,
    "kernel": 5,
    "down": "stride",
    "norm": "group",
    "activation": "tanh",
    "residual": True,
    "spatial_dropout": 0.5,
    "global_pool": "max",
    "hidden": [6],
    "dropout": 0.5,
    "init": "orthogonal",
    "shift": 1,
    "flip": True,
    "crop": 0.5,
}


def small(shared, rows=101):
    """The same with fewer training rows."""
    (fold,) = shared.prepared.folds
    cut = replace(fold, x_train=fold.x_train[:rows], y_train=fold.y_train[:rows])
    return replace(shared, prepared=replace(shared.prepared, folds=(cut,)))


def test_every_knob_matters(image_recipe):
    assert set(KNOBS) == set(CNN.knobs)
    shared = small(image_recipe(epochs=1))

    def loss(**config):
        trial = open_trial(shared, {"channels": [3, 4], **config}, 0)
        trial.advance(1)
        return trial.rows[0][1]["train_loss"]

    plain = loss()
    assert loss() == plain  # the same seed, the same training
    for name, value in KNOBS.items():
        assert loss(**{name: value}) != plain, name


BAD = [
    ({"channels": []}, "channels: [] is not allowed (a list of whole numbers ≥ 1, one for each"),
    ({"channels": 16}, "channels: 16 is not allowed"),
    ({"channels": [16, 0]}, "channels: [16, 0] is not allowed"),
    ({"convolutions": 3}, "convolutions: 3 is not allowed (1 or 2)"),
    ({"kernel": 4}, "kernel: 4 is not allowed (an odd whole number from 1 to 11)"),
    ({"down": "maxpool"}, "down: 'maxpool' is not allowed (stride, max, avg or null"),
    ({"norm": "layer"}, "norm: 'layer' is not allowed (batch, group or null"),
    ({"global_pool": True}, "global_pool: True is not allowed (avg, max or null"),
    ({"spatial_dropout": 1.0}, "spatial_dropout: 1.0 is not allowed"),
    ({"shift": 0.5}, "shift: 0.5 is not allowed (a whole number ≥ 0)"),
    ({"crop": 0}, "crop: 0 is not allowed (a number > 0 and ≤ 1)"),
    ({"norm": "batch", "batch_size": 1}, "batch_size: 1 is too few: batch normalisation needs 2"),
    ({"norm": "group", "channels": [8, 1]}, "channels: a group norm of a single channel"),
    (
        {"channels": [4] * 4},
        "channels: 4 blocks halve pictures of 8 × 8 pixels, which is possible 3",
    ),
    ({"shift": 8}, "shift: 8 pixels lead out of pictures of 8 × 8 pixels"),
]


@pytest.mark.parametrize(("config", "line"), BAD)
def test_a_bad_value_is_one_line(config, line):
    with pytest.raises(ConfigError) as caught:
        build(**config)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_too_deep_with_halving_is_not_without():
    build(channels=[4] * 4, down=None)
    build(channels=[4] * 3)
    with pytest.raises(ConfigError, match=r"2 blocks halve pictures of 2 × 9 pixels"):
        build(replace(DIGITS, input_shape=(1, 2, 9)), channels=[4, 4])


# --- as a trial ----------------------------------------------------------------------------------

BASE = {"channels": [3, 4], "batch_size": 32, "lr": 0.01}


def test_seeds_and_save_and_load(image_recipe, tmp_path):
    shared = small(image_recipe(epochs=3, metrics=("val_accuracy",)))
    config = {**BASE, "dropout": 0.2, "spatial_dropout": 0.1, "norm": "batch", "shift": 1}
    trials = [open_trial(shared, config, seed) for seed in (1, 1, 2)]
    for trial in trials:
        trial.advance(2)
    one, again, other = (trial.replicas[0].tensors() for trial in trials)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["now.0.weight"], other["now.0.weight"])
    trials[0].save(tmp_path / "c")
    resumed = open_trial(shared, config, 1, tmp_path / "c")
    resumed.advance(3)
    trials[1].advance(3)
    assert resumed.rows == trials[1].rows
    trained = TrainedModel.load(tmp_path / "c", shared)
    wanted = {k: v for k, v in trained.metrics.items() if k != "train_loss"}
    assert trained.evaluate() == pytest.approx(wanted)
    assert checkpoints.read(tmp_path / "c")[1]["epoch"] == 2


def test_it_predicts_from_an_array_of_pictures(image_recipe, tmp_path):
    shared = image_recipe(epochs=2)
    trial = open_trial(shared, {**BASE, "channels": [8, 16], "lr": 0.02}, 0)
    trial.advance(2)
    trial.save(tmp_path / "c")
    trained = TrainedModel.load(tmp_path / "c", shared)
    from sklearn.datasets import load_digits

    digits = load_digits()
    found = trained.predict(digits.images[:, None])  # [N, 1, 8, 8] of raw pixels
    assert found.shape == digits.target.shape
    assert np.mean(found == digits.target) > 0.8
    chances = trained.predict_proba(digits.images[:5, None].astype(np.uint8))
    assert np.allclose(chances.sum(1), 1)
    with pytest.raises(DataError, match=r"X: the model takes \[rows, 1, 8, 8\]"):
        trained.predict(digits.images)


def test_a_regression_of_pictures(image_recipe, tmp_path):
    shared = image_recipe(task="regression", epochs=4, metrics=("val_r2",))
    trial = open_trial(shared, {**BASE, "channels": [8, 16], "global_pool": None}, 0)
    trial.advance(4)
    assert trial.rows[-1][1]["val_r2"] > 0.3
    trial.save(tmp_path / "c")
    found = TrainedModel.load(tmp_path / "c", shared).predict(np.zeros((3, 1, 8, 8)))
    assert found.shape == (3,)


PACKED = [
    {"norm": "batch"},
    {"norm": "group", "optimizer": "sgd"},
    {"norm": None, "down": "stride", "spatial_dropout": 0.3, "dropout": 0.2},
    {"norm": "batch", "residual": True, "convolutions": 2, "spatial_dropout": 0.2},
    {"norm": None, "down": "avg", "global_pool": None, "hidden": [6], "dropout": 0.3},
    {"norm": "batch", "global_pool": "max", "down": None, "activation": "gelu", "l1": 1e-3},
    {"norm": "group", "residual": True, "down": "stride", "activity_l1": 1e-3},
]


@pytest.mark.parametrize("config", PACKED, ids=lambda c: "-".join(map(str, c.values())))
def test_a_lane_computes_what_it_computes_alone(image_recipe, config):
    """Three lanes with a seed and a rate of their own, and of dropout, each beside its solo run."""
    shared = small(image_recipe(dtype="float64", epochs=3))
    # Smooth, so that no rounding decides on which side of zero a unit lies.
    trials = [{**BASE, "activation": "tanh", **config, "lr": lr} for lr in (0.01, 0.003, 0.02)]
    for trial in trials[1:]:
        for rate in {"dropout", "spatial_dropout"} & set(trial):
            trial[rate] += 0.1
    pool = Pool(shared, force_packing=True)
    members = [pool.open(trial, seed) for seed, trial in enumerate(trials)]
    assert [member.alone for member in members] == [""] * len(members)
    assert len({id(member.replicas[0].pack) for member in members}) == 1
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for seed, (trial, member) in enumerate(zip(trials, members, strict=True)):
        alone = open_trial(shared, trial, seed)
        alone.advance(3)
        ours, theirs = (each.replicas[0].tensors() for each in (member, alone))
        assert set(ours) == set(theirs)
        for name, wanted in theirs.items():
            assert torch.allclose(ours[name], wanted, rtol=1e-6, atol=1e-9), name
        for (_, one), (_, other) in zip(member.rows, alone.rows, strict=True):
            assert one == pytest.approx(other, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("config", PACKED, ids=lambda c: "-".join(map(str, c.values())))
def test_its_evaluation_can_be_exported(config):
    net = build(**{**BASE, **config}).eval()
    x = inputs(3)
    exported = torch.export.export(net, (x,))
    assert torch.allclose(exported.module()(x), net(x))


def test_memory_for_lanes_counts_what_convolutions_put_out(image_recipe, monkeypatch):
    monkeypatch.setattr("lanewise.trainables.packs.gain._free", lambda device: 1e9)

    def room(width):
        pool = Pool(image_recipe(), force_packing=True)
        lane = pool.open({"channels": [width], "global_pool": "avg"}, 0).replicas[0]
        lane.park()
        return room_for(lane, "cpu")

    assert 1 < room(64) < room(4) / 8
