"""Packs as the pool's owner sees them: checkpoints, failures, neighbours, room."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from rows import sample_of

from lanewise.trainables.checkpoints import files as checkpoints
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.failures import BAD_VALUE, OUT_OF_MEMORY, failure_kind
from lanewise.trainables.knobs import ACTIVATIONS
from lanewise.trainables.metrics.resampling import resampled
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.packs.pack import MOST, SLACK
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.packs.stack import BEST, PARAM, places
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

BASE = {"hidden": [10], "batch_size": 32, "lr": 0.01}


def packed(recipe, lanes=None):
    return Pool(recipe, lanes, force_packing=True)


def finish(pool, until, *members):
    for member in members:
        member.until = until
    while pool.due():
        pool.turn()


def same(ours, theirs, *, exact=False):
    """Tensors by name, and their shapes."""
    assert set(ours) == set(theirs)
    for name, wanted in theirs.items():
        found = ours[name]
        assert found.shape == wanted.shape, name
        assert found.dtype == wanted.dtype, name
        close = torch.equal if exact else lambda a, b: torch.allclose(a, b, rtol=1e-6, atol=1e-9)
        assert close(found, wanted), name


def packs_of(*members):
    return {id(lane.pack) for member in members for lane in member.replicas}


# --- checkpoints ---------------------------------------------------------------------------------

RICH = {**BASE, "dropout": 0.3, "norm": "batch", "patience": 9}


@pytest.mark.parametrize(
    "schedule", ["cosine", {"name": "plateau", "patience": 0, "threshold": 0.9}]
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_of_a_lane_is_that_of_the_trial_alone(recipe, tmp_path, name, schedule):
    """The same tensors and the same bookkeeping, and each goes on from the other's."""
    shared = recipe("sklearn:wine", dtype="float64", seeds=2, epochs=4)
    options = {"name": "sgd", "momentum": 0.9} if name == "sgd" else name
    config = {**RICH, "optimizer": options, "schedule": schedule}
    pool = packed(shared)
    neighbour, lane = pool.open({**RICH, "hidden": [12]}, 1), pool.open(config, 7)
    finish(pool, 2, neighbour, lane)
    alone = open_trial(shared, config, 7)
    alone.advance(2)
    files = {"lane": lane, "alone": alone}
    for file, trial in files.items():
        trial.save(tmp_path / file)
    (ours, we), (theirs, they) = (checkpoints.read(tmp_path / file) for file in files)
    same(ours, theirs)
    assert len(we.pop("rows")) == len(they.pop("rows"))
    assert we == they
    alone.advance(4)
    from_lane = open_trial(shared, config, 7, tmp_path / "lane")
    from_lane.advance(4)
    pool = packed(shared)
    from_alone = pool.open(config, 7, tmp_path / "alone")
    finish(pool, 4, pool.open({**RICH, "hidden": [12]}, 1), from_alone)
    for other in (from_lane, from_alone):
        assert other.epoch == 4
        for (epoch, row), (wanted, best) in zip(other.rows, alone.rows, strict=True):
            assert epoch == wanted
            assert row == pytest.approx(best, rel=1e-6, abs=1e-9)
        for a, b in zip(other.replicas, alone.replicas, strict=True):
            same(a.tensors(), b.tensors())


def test_the_best_weights_of_a_lane_give_its_best_metrics(recipe, tmp_path):
    shared = recipe(
        "sklearn:wine", dtype="float64", folds=3, epochs=5, metrics=("val_f1", "train_accuracy")
    )
    pool = packed(shared)
    members = [pool.open({**RICH, "hidden": [h], "lr": 0.1}, h) for h in (12, 11)]
    finish(pool, 5, *members)
    for number, member in enumerate(members):
        member.save(tmp_path / str(number))
        trained = TrainedModel.load(tmp_path / str(number), shared)
        assert trained.metrics == dict(member.rows)[trained.epoch]
        # Of several epochs with the best accuracy the one with the lowest loss.
        best = max(member.rows, key=lambda row: (row[1]["val_accuracy"], -row[1]["val_loss"]))
        assert (trained.epoch, trained.metrics) == best
        wanted = {k: v for k, v in trained.metrics.items() if k != "train_loss"}
        assert trained.evaluate() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"name": "adam"}, {"name": "adam", "amsgrad": True}),
        ({"name": "adam", "amsgrad": True}, {"name": "adam"}),
        ({"name": "adamw"}, {"name": "adamw", "amsgrad": True}),
        ({"name": "rmsprop"}, {"name": "rmsprop", "centered": True, "momentum": 0.5}),
        ({"name": "sgd"}, {"name": "sgd", "momentum": 0.9}),
        ({"name": "sgd", "momentum": 0.9}, {"name": "sgd"}),
        ({"name": "adam"}, {"name": "nadam"}),
    ],
)
def test_a_mutated_optimizer_goes_on_alike_alone_and_as_a_lane(recipe, tmp_path, before, after):
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    first = open_trial(shared, {**BASE, "optimizer": before}, 1)
    first.advance(2)
    first.save(tmp_path / "c")
    config = {**BASE, "optimizer": after}
    alone = open_trial(shared, config, 2, tmp_path / "c")
    alone.advance(4)
    pool = packed(shared)
    member = pool.open(config, 2, tmp_path / "c")
    finish(pool, 4, member)
    assert member.error is None
    ours, theirs = member.replicas[0].tensors(), alone.replicas[0].tensors()
    now = [name for name in theirs if name.startswith("now.")]
    same({n: ours[n] for n in now}, {n: theirs[n] for n in now})


def test_a_trial_in_several_packs_keeps_its_last_checkpoint_until_all_have_ended_the_epoch(
    recipe, tmp_path
):
    """Folds of 118 and 119 rows in batches of 59: two packs, which end an epoch one by one."""
    shared = recipe("sklearn:wine", dtype="float64", folds=3, epochs=2)
    pool = packed(shared)
    member = pool.open({**BASE, "batch_size": 59}, 0)
    assert len(packs_of(member)) == 2
    finish(pool, 1, member)
    member.save(tmp_path / "c")
    kept = (tmp_path / "c").read_bytes()
    member.until = 2
    assert list(pool.turn()) == []
    member.save(tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == kept
    assert list(pool.turn()) == [member]
    member.save(tmp_path / "c")
    assert checkpoints.read(tmp_path / "c")[1]["epoch"] == 2


# --- failures ------------------------------------------------------------------------------------


def with_guest(recipe, guest, leaves_after=None):
    pool = packed(recipe)
    members = [pool.open({**BASE, "dropout": 0.1 * s}, s) for s in range(3)]
    visitor = pool.open({**BASE, **guest}, 9)
    if leaves_after is not None:
        finish(pool, leaves_after, *members, visitor)
        visitor.close()
    finish(pool, 4, *members, *([] if leaves_after is not None else [visitor]))
    return members, visitor


def test_a_lane_that_diverges_fails_alone_and_its_neighbours_do_not_see_it(recipe, tmp_path):
    """Bit by bit: beside NaN they are what they are beside a healthy lane."""
    shared = recipe("sklearn:wine", epochs=4)
    members, ill = with_guest(shared, {"lr": 1e30, "optimizer": "sgd"})
    others, healthy = with_guest(shared, {"lr": 1e-3, "optimizer": "sgd"}, leaves_after=1)
    assert failure_kind(ill.error) == BAD_VALUE
    assert not ill.is_displaced
    assert healthy.error is None
    assert ill.epoch == 0  # as the healthy one left, so did the ill one, after an epoch
    with pytest.raises(CheckpointError, match="failed in epoch 1"):
        ill.save(tmp_path / "c")
    for member, other in zip(members, others, strict=True):
        assert member.error is None
        assert member.epoch == 4
        same(member.replicas[0].tensors(), other.replicas[0].tensors(), exact=True)


def test_who_leaves_in_the_middle_changes_nothing(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    members, _ = with_guest(shared, {"hidden": [9]}, leaves_after=2)
    for seed, member in enumerate(members):
        alone = open_trial(shared, {**BASE, "dropout": 0.1 * seed}, seed)
        alone.advance(4)
        same(member.replicas[0].tensors(), alone.replicas[0].tensors())


def break_the_engine(monkeypatch, member, error):
    def broken(lanes):
        raise error

    monkeypatch.setattr(member.replicas[0].pack.engine, "bound", broken)


def test_a_pack_that_breaks_displaces_its_trials_and_its_kind_trains_alone(recipe, monkeypatch):
    pool = packed(recipe("sklearn:wine"))
    members = [pool.open(BASE, seed) for seed in range(2)]
    other = pool.open({**BASE, "hidden": [8, 8]}, 0)
    for member in (*members, other):
        member.until = 1
    break_the_engine(monkeypatch, members[0], RuntimeError("no such kernel\nfurther lines"))
    while pool.due():
        pool.turn()
    assert all(member.is_displaced and member.epoch == 0 for member in members)
    assert (other.error, other.epoch) == (None, 1)
    for member in members:
        member.close()
    again = pool.open(BASE, 0)
    assert again.alone == "RuntimeError: no such kernel"
    assert str(pool.packing).endswith("; off for some trials: RuntimeError: no such kernel")
    finish(pool, 1, again)
    assert (again.error, again.epoch) == (None, 1)
    assert pool.open({**BASE, "hidden": [8, 8]}, 1).alone == ""


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_out_of_memory_is_the_trials_own_failure(recipe, monkeypatch, error):
    pool = packed(recipe("sklearn:wine"))
    members = [pool.open(BASE, seed) for seed in range(2)]
    break_the_engine(monkeypatch, members[0], error)
    finish(pool, 1, *members)
    assert {failure_kind(member.error) for member in members} == {OUT_OF_MEMORY}
    assert not any(member.is_displaced for member in members)


def test_an_interrupt_passes_through(recipe, monkeypatch):
    pool = packed(recipe("sklearn:wine"))
    member = pool.open(BASE, 0)
    member.until = 1
    break_the_engine(monkeypatch, member, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        pool.turn()
    assert isinstance(member.error, KeyboardInterrupt)  # it is not to be saved in mid-epoch


# --- who sits where ------------------------------------------------------------------------------


def test_padding_is_zero_for_every_optimizer_and_activation_and_has_a_limit(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=3)
    pool = packed(shared)
    members = [
        pool.open(
            {**BASE, "hidden": [16 - n % 3, 12 - n % 2], "activation": activation,
             "optimizer": name, "norm": "layer", "l2": 1e-3, "activity_l1": 1e-3, "dropout": 0.2},
            n,
        )
        for n, (name, activation) in enumerate(itertools.product(OPTIMIZERS, ACTIVATIONS))
    ]  # fmt: skip
    finish(pool, 3, *members)
    assert len(packs_of(*members)) <= 3
    padded = 0
    for member in members:
        (lane,) = member.replicas
        own = sum(math.prod(shape) for shape in lane.shapes)
        rows = lane.pack.stack.rows[:, lane.place].clone()
        assert own <= rows.shape[1] <= SLACK * own
        assert rows.isfinite().all()
        rows[:, places(lane.shapes, lane.pack.shapes)] = 0
        # adamax adds eps to its second state, and divides 0 by it.
        if lane.config["optimizer"]["name"] == "adamax":
            rows = rows[[PARAM, BEST]]
        assert not rows.any()
        padded += rows.shape[1] > own
    assert padded > MOST


def test_what_is_too_narrow_is_not_padded(recipe):
    pool = packed(recipe("sklearn:wine"))
    wide, near, narrow = (pool.open({**BASE, "hidden": [h]}, 0) for h in (32, 29, 16))
    assert packs_of(wide) == packs_of(near) != packs_of(narrow)


def test_depth_batch_size_and_kind_part_packs_and_nothing_else_does(recipe):
    pool = packed(recipe("sklearn:wine"))
    shared = [
        {}, {"hidden": [9]}, {"activation": "tanh"}, {"dropout": 0.5}, {"lr": 0.1}, {"l1": 0.1},
        {"optimizer": "sgd"}, {"clip_norm": 1.0}, {"schedule": "cosine"}, {"patience": 3},
        {"init": "orthogonal"}, {"class_weight": "balanced"}, {"activity_l1": 0.1},
    ]  # fmt: skip
    other = [{"hidden": [10, 10]}, {"batch_size": 16}, {"norm": "layer"}, {"residual": True}]
    ours = [pool.open({**BASE, **change}, 0) for change in shared]
    theirs = [pool.open({**BASE, **change}, 0) for change in other]
    assert len(packs_of(*ours)) == 1
    assert len(packs_of(*ours, *theirs)) == 1 + len(other)


def test_a_pack_holds_so_many_and_the_next_one_opens_another(recipe):
    pool = packed(recipe("sklearn:wine"))
    members = [pool.open({**BASE, "hidden": [2]}, seed) for seed in range(MOST + 1)]
    assert len(packs_of(*members)) == 2
    members[3].close()
    assert packs_of(pool.open({**BASE, "hidden": [2]}, 99)) == packs_of(members[0])


def test_patience_is_a_lanes_own(recipe):
    pool = packed(recipe("sklearn:wine", epochs=9))
    # At such a rate nothing is learned, so that the first epoch stays the best.
    still = {**BASE, "lr": 1e-12, "optimizer": "sgd"}
    members = [pool.open({**still, "patience": patience}, 0) for patience in (1, 3, None)]
    finish(pool, 6, *members)
    assert [(m.epoch, m.ended) for m in members] == [(2, True), (4, True), (6, False)]


def test_folds_and_seeds_are_lanes(recipe):
    shared = recipe("sklearn:wine", dtype="float64", folds=3, seeds=2, epochs=3)
    pool = packed(shared)
    member = pool.open({**BASE, "dropout": 0.2}, 4)
    assert member.lanes == len(member.replicas) == 6
    finish(pool, 3, member)
    alone = open_trial(shared, {**BASE, "dropout": 0.2}, 4)
    alone.advance(3)
    for (epoch, ours), (wanted, theirs) in zip(member.rows, alone.rows, strict=True):
        assert epoch == wanted
        assert ours["val_accuracy_std"] >= 0
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("source", "knobs"),
    [
        ("sklearn:wine", {}),
        ("sklearn:wine", {"class_weight": "balanced", "label_smoothing": 0.1}),
        ("sklearn:diabetes", {}),
    ],
)
def test_weights_of_rows_count_alike_alone_and_as_lanes(recipe, source, knobs):
    plain = recipe(source, dtype="float64", folds=2, epochs=2, monitor="val_loss", mode="min")
    folds = [
        replace(fold, w_train=np.linspace(0, 2, len(fold.y_train), dtype=np.float32))
        for fold in plain.prepared.folds
    ]
    shared = replace(plain, prepared=replace(plain.prepared, folds=tuple(folds)))
    config, pool = {**BASE, **knobs}, packed(shared)
    member = pool.open(config, 4)
    finish(pool, 2, member)
    weighted, unweighted = (open_trial(each, config, 4) for each in (shared, plain))
    for trial in (weighted, unweighted):
        trial.advance(2)
    assert member.rows[-1][1] == pytest.approx(weighted.rows[-1][1], rel=1e-6)
    assert member.rows[-1][1]["val_loss"] != pytest.approx(unweighted.rows[-1][1]["val_loss"])


def test_fixed_settings_are_below_a_trials_own(recipe):
    shared = recipe("sklearn:wine", dtype="float64", fixed={**BASE, "lr": 0.5}, epochs=2)
    pool = packed(shared)
    member = pool.open({"lr": 0.02}, 1)
    finish(pool, 2, member)
    plain = recipe("sklearn:wine", dtype="float64", epochs=2)
    alone = open_trial(plain, {**BASE, "lr": 0.02}, 1)
    alone.advance(2)
    assert member.rows[-1][1] == pytest.approx(alone.rows[-1][1], rel=1e-6)


def test_one_place_until_trials_pack(recipe):
    pool = packed(recipe("sklearn:wine"), 16)
    assert pool.lanes == 1
    pool.open(BASE, 0)
    assert 1 < pool.lanes <= 16


# --- values of validation rows -------------------------------------------------------------------


@pytest.mark.parametrize("monitor", ["val_accuracy", "val_loss"])
def test_lanes_tell_of_rows_what_the_trial_alone_does_and_checkpoints_keep_it(
    recipe, tmp_path, monitor
):
    """Folds one after the other, seeds beside each other."""
    plain = recipe("sklearn:wine", dtype="float64", folds=2, seeds=2, epochs=4, monitor=monitor)
    shared = replace(plain, resampled=resampled(plain.prepared, monitor, 2))
    pool = packed(shared)
    neighbour, lane = pool.open({**BASE, "hidden": [12]}, 1), pool.open(BASE, 7)
    finish(pool, 3, neighbour, lane)
    alone = open_trial(shared, BASE, 7)
    alone.advance(3)
    assert sorted(alone.evaluated) == [1, 2, 3]
    of = shared.resampled
    for epoch, (size, body) in alone.evaluated.items():
        ours, theirs = sample_of(of).decode(body), sample_of(of).decode(lane.evaluated[epoch][1])
        assert ours.shape == (2, sum(len(fold.y_val) for fold in plain.prepared.folds))
        assert size == lane.evaluated[epoch][0] == 13 * 10 + 10 + 10 * 3 + 3
        assert ours == pytest.approx(theirs, rel=1e-5)
        # Folds of 75 and 76 rows: the metric is the mean over them.
        assert ours.mean() == pytest.approx(dict(alone.rows)[epoch][monitor], rel=0.02)
    del alone.evaluated[1]
    alone.save(tmp_path / "file")
    again = open_trial(shared, BASE, 7, tmp_path / "file")
    assert again.evaluated == alone.evaluated
    again.advance(4)
    assert sorted(again.evaluated) == [2, 3, 4]
