"""Lanes come, go and are kept; which share a stack. What they compute: test_lane_law.py."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.packs.stack import PARAM
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread", "radam")


def present(member, replica=0):
    """A member's parameters, one vector."""
    lane = member.replicas[replica]
    found = lane.tensors()
    return torch.cat([found[f"now.{name}"].reshape(-1) for name in lane.names]).detach()


# --- modules of a user's own ---------------------------------------------------------------------


class Choosing(nn.Module):
    """The same shapes; what it computes depends on its configuration."""

    def __init__(self, config, info):
        super().__init__()
        self.first, self.last = nn.Linear(info.input_shape[0], 6), nn.Linear(6, info.outputs)
        self.act = F.relu if config["kind"] == "relu" else torch.tanh
        self.scale = config["scale"]
        self.constant = torch.full((6,), config["constant"], dtype=torch.float64)

    def forward(self, x):
        return self.last(self.act(self.first(x)) * self.scale + self.constant)


def test_modules_that_compute_something_else_never_share_a_stack(recipe):
    shared = recipe(
        "sklearn:wine", dtype="float64", model="own.py:build", callable=Choosing, epochs=2
    )
    pool = Pool(shared, force_packing=True)
    trials = [
        {"kind": kind, "scale": scale, "constant": constant, "batch_size": 40}
        for kind, scale, constant in (
            ("relu", 1.0, 0.0), ("tanh", 1.0, 0.0), ("relu", 2.0, 0.0), ("relu", 1.0, 0.5),
        )
    ]  # fmt: skip
    members = [pool.open(config, 0) for config in trials]
    assert len({id(member.replicas[0].pack) for member in members}) == 4
    for member, config in zip(members, trials, strict=True):
        member.until = 2
        alone = open_trial(shared, config, 0)
        alone.advance(2)
        while member.epoch < 2:
            pool.turn()
        assert member.rows[-1][1] == pytest.approx(alone.rows[-1][1], rel=1e-6)


# --- lanes come, go and are kept -------------------------------------------------------------


def test_replicas_are_lanes_and_their_mean_is_what_counts(recipe):
    shared = recipe("sklearn:wine", dtype="float64", folds=3, seeds=2, epochs=3)
    pool = Pool(shared, force_packing=True)
    config = {"hidden": [10], "batch_size": 16, "dropout": 0.2}
    member = pool.open(config, 4)
    assert member.lanes == 6
    member.until = 3
    while pool.due():
        pool.turn()
    alone = open_trial(shared, config, 4)
    alone.advance(3)
    for (_, ours), (_, theirs) in zip(member.rows, alone.rows, strict=True):
        assert "val_accuracy_std" in ours
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", [*OPTIMIZERS, "radam"])
def test_a_checkpoint_goes_both_ways(recipe, tmp_path, name):
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    config = {"hidden": [11], "optimizer": name, "dropout": 0.3, "norm": "batch", "batch_size": 32}
    whole = open_trial(shared, config, 7)
    whole.advance(4)
    pool = Pool(shared, force_packing=True)
    pool.open({**config, "hidden": [12]}, 1)
    lane = pool.open(config, 7)
    lane.until = 2
    while pool.due():
        pool.turn()
    lane.save(tmp_path / "lane")
    alone = open_trial(shared, config, 7, tmp_path / "lane")
    alone.advance(3)
    alone.save(tmp_path / "alone")
    again = Pool(shared, force_packing=True).open(config, 7, tmp_path / "alone")
    again.until = 4
    again.replicas[0].pack.turn()
    assert [epoch for epoch, _ in again.rows] == [1, 2, 3, 4]
    ours, wanted = again.replicas[0].tensors(), whole.replicas[0].tensors()
    assert set(ours) == set(wanted)
    for key, tensor in wanted.items():
        assert ours[key].shape == tensor.shape
        assert torch.allclose(ours[key].double(), tensor.double(), rtol=1e-6, atol=1e-9), key


def test_a_lane_that_diverges_fails_alone(recipe):
    shared = recipe("sklearn:wine", epochs=4)

    def neighbours(*more):
        pool = Pool(shared, force_packing=True)
        members = [pool.open({"hidden": [8], "batch_size": 32}, s) for s in range(3)]
        guests = [pool.open({"hidden": [8], "batch_size": 32, **config}, 9) for config in more]
        for member in (*members, *guests):
            member.until = 4
        while pool.due():
            pool.turn()
        return members, guests

    members, (guest,) = neighbours({"lr": 1e30, "optimizer": "sgd"})
    assert type(guest.error).__name__ == "BadValue"
    undisturbed, _ = neighbours()
    for member, other in zip(members, undisturbed, strict=True):
        assert member.error is None
        assert torch.allclose(present(member), present(other), rtol=1e-5, atol=1e-7)


def test_padding_stays_zero_and_within_its_limit(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=3)
    pool = Pool(shared, force_packing=True)
    kinds = [(name, act) for name in OPTIMIZERS for act in ("sigmoid", "selu")]
    members = [
        pool.open({"hidden": [12 if n % 2 else 11], "activation": act, "optimizer": name}, n)
        for n, (name, act) in enumerate(kinds)
    ]
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    assert len({id(member.replicas[0].pack) for member in members}) == 1
    for member in members:
        (lane,) = member.replicas
        row = lane.pack.stack.rows[PARAM, lane.place]
        assert len(row) <= 1.5 * sum(math.prod(shape) for shape in lane.shapes)
        assert torch.count_nonzero(row) == torch.count_nonzero(lane.values().rows[PARAM])


def test_what_divides_by_zero_where_nothing_is_learned_is_not_padded(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=2)
    pool = Pool(shared, force_packing=True)
    pool.open({"hidden": [12]}, 0)
    member = pool.open({"hidden": [11], "optimizer": {"name": "adam", "eps": 0.0}}, 1)
    (lane,) = member.replicas
    assert lane.pack.shapes == lane.shapes


def test_depth_and_batch_size_go_to_other_packs_and_the_rest_shares_one(recipe):
    pool = Pool(recipe("sklearn:wine"), force_packing=True)
    base = {"hidden": [12], "batch_size": 32}
    shared = [{}, {"hidden": [11]}, {"activation": "tanh"}, {"dropout": 0.5}, {"lr": 0.1},
              {"optimizer": "sgd"}, {"clip_norm": 1.0}, {"l1": 0.1}]  # fmt: skip
    other = [{"hidden": [12, 12]}, {"batch_size": 16}, {"norm": "layer"}, {"hidden": [40]}]
    packs = [pool.open({**base, **change}, 0).replicas[0].pack for change in (*shared, *other)]
    assert len(set(map(id, packs[: len(shared)]))) == 1
    assert len(set(map(id, packs))) == 1 + len(other)


def test_a_pack_that_breaks_lets_its_trials_train_alone(recipe, monkeypatch):
    pool = Pool(recipe("sklearn:wine"), force_packing=True)
    members = [pool.open({"hidden": [8]}, seed) for seed in range(2)]
    for member in members:
        member.until = 1
    pack = members[0].replicas[0].pack

    def broken(lanes):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(pack.engine, "bound", broken)
    assert set(pool.turn()) == set(members)
    assert all(member.is_displaced and member.error for member in members)
    for member in members:
        member.close()
    again = pool.open({"hidden": [8]}, 0)
    assert again.alone == "RuntimeError: no such kernel"
    assert "no such kernel" in str(pool.packing)
    again.until = 1
    assert list(pool.turn()) == [again]
    assert again.epoch == 1
    assert again.error is None


def test_what_stops_a_person_stops_the_pool(recipe, monkeypatch, tmp_path):
    pool = Pool(recipe("sklearn:wine"), force_packing=True)
    member = pool.open({"hidden": [8]}, 0)
    member.until = 1

    def interrupted(lanes):
        raise KeyboardInterrupt

    monkeypatch.setattr(member.replicas[0].pack.engine, "bound", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.turn()
    with pytest.raises(CheckpointError):  # its values are of no epoch
        member.save(tmp_path / "checkpoint")


def test_patience_ends_a_lane_and_not_its_neighbours(recipe):
    pool = Pool(recipe("sklearn:wine", epochs=9), force_packing=True)
    # At such a rate nothing is learned, so that the first epoch stays the best.
    ended = pool.open({"hidden": [8], "lr": 1e-12, "patience": 2, "optimizer": "sgd"}, 0)
    other = pool.open({"hidden": [8]}, 1)
    ended.until = other.until = 6
    while pool.due():
        pool.turn()
    assert (ended.ended, ended.epoch) == (True, 3)
    assert (other.ended, other.epoch) == (False, 6)


def test_one_trial_at_a_time_until_some_train_in_packs(recipe, monkeypatch):
    from lanewise.trainables.packs import gain

    monkeypatch.setattr(gain, "measure", lambda *arguments: gain.Costs(0.5, 8))
    pool = Pool(recipe("sklearn:wine"), 16)
    assert pool.lanes == 1
    member = pool.open({"hidden": [8]}, 0)
    assert member.alone == "no speed-up in a test (0.50×)"
    assert pool.lanes == 1
    monkeypatch.setattr(gain, "measure", lambda *arguments: gain.Costs(3.0, 40))
    pool = Pool(recipe("sklearn:wine"), 16)
    assert pool.open({"hidden": [8]}, 0).alone == ""
    assert pool.lanes == 16
    assert str(pool.packing) == "on, up to 16 lanes a worker, 3.0× the speed in a test"
    pool = Pool(recipe("sklearn:wine"))
    pool.open({"hidden": [8]}, 0)
    assert pool.lanes == 40
    pool.open({"hidden": [200]}, 0)  # networks of another size want lanes of their own
    assert pool.lanes == 64


def test_no_more_lanes_than_memory_has_room_for(recipe, monkeypatch):
    from lanewise.trainables.packs import gain

    monkeypatch.setattr(gain, "_free", lambda device: 2e6)
    pool = Pool(recipe("sklearn:wine"), force_packing=True)
    pool.open({"hidden": [100, 100], "batch_size": 32}, 0)
    assert 1 <= pool.lanes <= 10


def test_a_lane_can_be_copied_into_another(recipe):
    """As population based training does: the copy goes on as the source would."""
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    pool = Pool(shared, force_packing=True)
    config = {"hidden": [11], "optimizer": "nadam", "batch_size": 32}
    source, copied = pool.open(config, 5), pool.open(config, 5)
    pool.open({"hidden": [12]}, 1)
    source.until = 2
    while pool.due():
        pool.turn()
    (lane,), (other,) = source.replicas, copied.replicas
    pack = other.pack
    other.park()
    other.restore(lane.tensors(), with_optimizer=True)
    pack.seat(other)
    assert torch.equal(present(source), present(copied))
    other.done = copied._course.epoch = 2
    source.until = copied.until = 4
    while pool.due():
        pool.turn()
    assert torch.allclose(present(source), present(copied), rtol=1e-9, atol=1e-12)
