"""Which modules train as lanes, which alone, and why."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.packs import gain
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

BASE = {"batch_size": 40, "lr": 0.01}


class Two(nn.Module):
    """Two linear layers; the kinds below do something odd between them."""

    def __init__(self, config, info):
        super().__init__()
        self.config = config
        self.first, self.last = nn.Linear(info.input_shape[0], 6), nn.Linear(6, info.outputs)

    def between(self, h):
        return h

    def forward(self, x):
        return self.last(self.between(torch.relu(self.first(x))))


class Item(Two):
    def between(self, h):
        return h * (1 + 0 * h.sum().item())


class Branch(Two):
    def between(self, h):
        return h if h.sum() > -1 else -h


class Rand(Two):
    def between(self, h):
        return h + 0.1 * torch.rand(h.shape, dtype=h.dtype) if self.training else h


class FunctionalDropout(Two):
    def between(self, h):
        return F.dropout(h, 0.5, self.training)


class Counter(Two):
    calls = 0

    def between(self, h):
        self.calls += self.training
        return h * (1 + self.calls % 7)


class InPlace(Two):
    def between(self, h):
        total = torch.zeros(6, dtype=h.dtype)
        total += h.mean(0)
        return h + total


class Unused(Two):
    def __init__(self, config, info):
        super().__init__(config, info)
        self.spare = nn.Linear(2, 2)


class InnerDropout(Two):
    """Between the layers torch drops by its own generator."""

    def __init__(self, config, info):
        super().__init__(config, info)
        self.lstm = nn.LSTM(6, 6, num_layers=2, dropout=0.5, batch_first=True)

    def between(self, h):
        return self.lstm(h.unsqueeze(1))[0][:, 0]


class Spectral(Two):
    def __init__(self, config, info):
        super().__init__(config, info)
        nn.utils.parametrizations.spectral_norm(self.last)


class CumulativeNorm(Two):
    def __init__(self, config, info):
        super().__init__(config, info)
        self.norm = nn.BatchNorm1d(6, momentum=None)

    def between(self, h):
        return self.norm(h)


class EvaluatedItem(Two):
    """Trains like any other; its evaluation looks at values."""

    def between(self, h):
        return h if self.training or h.sum().item() > -1 else -h


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Item, "item"),
        (Branch, "data-dependent"),
        (Rand, "random"),
        (FunctionalDropout, "random"),
        (Counter, "remembers"),
        (InPlace, "shape"),
        (Unused, "does not use spare.weight"),
        (InnerDropout, "random"),
        (Spectral, ""),
        (CumulativeNorm, ""),
        (EvaluatedItem, "item"),
    ],
)
def test_what_does_not_pack_trains_alone_says_why_and_learns_the_same(recipe, kind, why):
    shared = recipe("sklearn:wine", model="own.py:build", callable=kind, epochs=2)
    pool = Pool(shared, force_packing=True)
    members = [pool.open(BASE, seed) for seed in (3, 4)]
    for member in members:
        assert member.alone
        assert why in member.alone
        assert len(member.alone.splitlines()) == 1
        assert member.lanes == 1
        member.until = 2
    assert pool.lanes == 1
    assert str(pool.packing) == f"off, {member.alone}"
    while pool.due():
        pool.turn()
    for seed, member in zip((3, 4), members, strict=True):
        alone = open_trial(shared, BASE, seed)
        alone.advance(2)
        assert member.error is None
        assert member.rows == alone.rows


class Wide(Two):
    def forward(self, x):
        return super().forward(x).unsqueeze(-1)


class Tuple(Two):
    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize("kind", [Wide, Tuple])
def test_a_wrong_output_is_told_as_it_is_alone(recipe, kind):
    shared = recipe("sklearn:wine", model="own.py:build", callable=kind, epochs=2)
    pool = Pool(shared, force_packing=True)
    member = pool.open(BASE, 0)
    assert member.alone == "it does not return [batch, outputs]"
    member.until = 1
    pool.turn()
    assert "the module must return [batch, outputs]" in str(member.error)


class OverwritesItsInput(Two):
    def forward(self, x):
        return super().forward(x.mul_(2))


class Frozen(Two):
    """A part that stays as it is in training, as fine-tuning has it."""

    def __init__(self, config, info):
        super().__init__(config, info)
        self.norm = nn.BatchNorm1d(6)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def between(self, h):
        return self.norm(h)


class Chosen(Two):
    """An attribute, a number and a constant say what it computes; the shapes say nothing."""

    def __init__(self, config, info):
        super().__init__(config, info)
        self.act = {"relu": F.relu, "tanh": F.tanh}[config.get("act", "relu")]
        self.constant = torch.full((6,), config.get("constant", 0.0), dtype=torch.float64)

    def between(self, h):
        h = self.act(h - 0.5) * self.config.get("scale", 1.0) + self.constant
        return h if self.config.get("skip", True) else h + h


CHOICES = [
    {}, {"act": "tanh"}, {"scale": 2.0}, {"constant": 0.5}, {"skip": False}, {"scale": 1.0 + 1e-12},
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "choices", "packs"),
    [
        (OverwritesItsInput, [{}, {}], 1),
        (Frozen, [{}, {}], 1),
        (Chosen, CHOICES, len(CHOICES)),
        (Chosen, [{}, {"act": "tanh"}, {"lr": 0.1}, {"act": "tanh", "lr": 0.1}], 2),
    ],
)
def test_lanes_equal_trials_alone_whatever_the_code_does(recipe, kind, choices, packs):
    shared = recipe("sklearn:wine", dtype="float64", model="own.py:build", callable=kind, epochs=2)
    data = [fold.x_val.copy() for fold in shared.prepared.folds]
    trials = [{**BASE, **choice} for choice in choices]
    expected = []
    for seed, config in enumerate(trials):
        alone = open_trial(shared, config, seed)
        alone.advance(2)
        expected.append(alone.rows)
    pool = Pool(shared, force_packing=True)
    members = [pool.open(config, seed) for seed, config in enumerate(trials)]
    assert [member.alone for member in members] == [""] * len(members)
    assert len({id(member.replicas[0].pack) for member in members}) == packs
    for member in members:
        member.until = 2
    while pool.due():
        pool.turn()
    for member, rows in zip(members, expected, strict=True):
        assert member.error is None
        for (_, ours), (_, theirs) in zip(member.rows, rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9)
    assert all((a == f.x_val).all() for a, f in zip(data, shared.prepared.folds, strict=True))


def test_what_gains_nothing_trains_alone_but_for_who_forces_packing(recipe, monkeypatch):
    asked = []

    def slow(*given):
        asked.append(given)
        return gain.Costs(gain=0.5, enough=8)

    monkeypatch.setattr(gain, "measure", slow)
    shared = recipe("sklearn:wine", epochs=1)
    pool = Pool(shared)
    config = {"hidden": [8], "batch_size": 32}
    member = pool.open(config, 0)
    assert member.alone == "no speed-up in a test (0.50×)"
    assert pool.lanes == 1
    assert pool.open({**config, "lr": 0.1}, 1).alone == member.alone
    assert len(asked) == 1  # once for a kind and a size
    member.until = 1
    pool.turn()
    assert (member.epoch, member.error) == (1, None)
    assert Pool(shared, force_packing=True).open(config, 0).alone == ""


def test_what_gains_packs_and_tells_how_much(recipe, monkeypatch):
    monkeypatch.setattr(gain, "measure", lambda *given: gain.Costs(gain=3.0, enough=16))
    pool = Pool(recipe("sklearn:wine", epochs=1), 16)
    assert pool.open({"hidden": [8]}, 0).alone == ""
    assert pool.lanes == 16
    assert str(pool.packing) == "on, up to 16 lanes a worker, 3.0× the speed in a test"
