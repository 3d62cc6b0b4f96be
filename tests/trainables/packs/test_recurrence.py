"""LSTM, GRU and RNN layers as lanes: what torch's own compute, one lane after the other."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from lanewise.trainables.packs import cells, recurrence
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.packs.recurrence import own_recurrence
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

LANES, BATCH, STEPS, INPUTS, HIDDEN = 3, 4, 6, 3, 5
KINDS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "relu": lambda *sizes, **more: nn.RNN(*sizes, nonlinearity="relu", **more),
}
ARCHITECTURES = [
    {},
    {"batch_first": True},
    {"bias": False},
    {"bidirectional": True},
    {"num_layers": 2},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "bias": False},
]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]


class Flat(nn.Module):
    """A layer whose outputs and final states are one tensor [B, …], so that all of it counts.

    given: an initial state, [layers, 1, H] of each lane's own; zero: one that is no lane's own.
    """

    def __init__(self, layer, given="", is_single=False):
        super().__init__()
        self.layer, self.is_single, self.given = layer, is_single, given
        count = layer.num_layers * (1 + layer.bidirectional)
        if given == "own":
            self.h, self.c = (nn.Parameter(torch.randn(count, 1, HIDDEN)) for _ in range(2))

    def initial(self, batch):
        if not self.given:
            return None
        count = self.layer.num_layers * (1 + self.layer.bidirectional)
        h = c = torch.full((count, batch, HIDDEN), 0.3).double()
        if self.given == "own":
            h, c = (s.expand(count, batch, HIDDEN) for s in (self.h, self.c))
        return (h, c) if isinstance(self.layer, nn.LSTM) else h + 0 * c

    def forward(self, x):
        """x: [B, T, I]"""
        if self.is_single:
            output, last = self.layer(x[0], self.initial(1))
            states = last if isinstance(last, tuple) else (last,)
            return torch.cat([output.flatten(), *(s.flatten() for s in states)])
        first = self.layer.batch_first
        output, last = self.layer(x if first else x.transpose(0, 1), self.initial(len(x)))
        states = last if isinstance(last, tuple) else (last,)
        parts = [output if first else output.transpose(0, 1), *(s.transpose(0, 1) for s in states)]
        return torch.cat([part.flatten(1) for part in parts], 1)


def lanes_of(make, device="cpu"):
    torch.manual_seed(0)
    return [own_recurrence(make().to(device, torch.float64)) for _ in range(LANES)]


def stacked(lanes):
    """One to stand for all lanes, and their parameters, [K, …]."""
    values = [dict(lane.named_parameters()) for lane in lanes]
    params = [torch.stack([v[n].detach() for v in values]).requires_grad_() for n in values[0]]
    return copy.deepcopy(lanes[0]), params


def ahead(skeleton, params, x, in_dim=0):
    """Outputs of all lanes, [K, …]; x: each one's own, or the same for all."""
    names = [name for name, _ in skeleton.named_parameters()]

    def one(values, x):
        return torch.func.functional_call(skeleton, dict(zip(names, values, strict=True)), (x,))

    return torch.vmap(one, in_dims=(0, in_dim))(params, x)


def slopes(output, inputs):
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype, device=output.device)
    return torch.autograd.grad((output.reshape(-1) * weights).square().sum(), inputs)


def close(ours, theirs):
    # A gradient's error is a share of the largest; 1e-10 of it is far above rounding.
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-10 * theirs.abs().max()


def compare(lanes, device="cpu"):
    """Outputs, gradients and evaluations of lanes, at once and one after the other."""
    skeleton, params = stacked(lanes)
    x = torch.randn(LANES, BATCH, STEPS, INPUTS, dtype=torch.float64, device=device)
    x.requires_grad_()
    output = ahead(skeleton, params, x)
    for k, lane in enumerate(lanes):
        alone = lane(x[k])
        close(output[k], alone)
        found = slopes(ahead(skeleton, params, x)[k], [x, *params])
        for ours, theirs in zip(found, slopes(alone, [x, *lane.parameters()]), strict=True):
            close(ours[k], theirs[k] if theirs.shape == ours.shape else theirs)
            assert not ours[[j for j in range(LANES) if j != k]].any()
    with torch.no_grad():
        together = ahead(skeleton, params, x[0], None)  # the same rows for all
        for k, lane in enumerate(lanes):
            close(together[k], lane(x[0]))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_lanes_equal_torch(kind, architecture, device):
    compare(lanes_of(lambda: Flat(KINDS[kind](INPUTS, HIDDEN, **architecture)), device), device)


@pytest.mark.parametrize("given", ["own", "shared"])
@pytest.mark.parametrize("kind", KINDS)
def test_initial_states(kind, given):
    make = KINDS[kind]
    compare(
        lanes_of(
            lambda: (
                Flat(make(INPUTS, HIDDEN, num_layers=2, bidirectional=True), given)
                if kind == "lstm" or given == "shared"
                else Flat(make(INPUTS, HIDDEN, bidirectional=True), given)
            )
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_without_a_batch(kind):
    make = KINDS[kind]
    compare(lanes_of(lambda: Flat(make(INPUTS, HIDDEN, bidirectional=True), is_single=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_many_lanes_go_a_few_at_a_time(kind, monkeypatch):
    monkeypatch.setattr(recurrence, "_TOGETHER", 2 * BATCH * HIDDEN * cells.LSTM.columns)
    compare(lanes_of(lambda: Flat(KINDS[kind](INPUTS, HIDDEN, num_layers=2))))


class Last(nn.Module):
    """What most models read: the last state, by one of its names."""

    def __init__(self, layer, of):
        super().__init__()
        self.layer, self.of = layer, of

    def forward(self, x):
        output, last = self.layer(x)
        h, c = last if isinstance(last, tuple) else (last, None)
        return {"output": output[:, -1], "h": h[-1], "c": h[-1] if c is None else c[-1]}[self.of]


@pytest.mark.parametrize("of", ["output", "h", "c"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_used_has_no_slope(kind, of):
    compare(lanes_of(lambda: Last(KINDS[kind](INPUTS, HIDDEN, batch_first=True), of)))


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_lent_again_without_a_trace(kind):
    skeleton, params = stacked(lanes_of(lambda: Flat(KINDS[kind](INPUTS, HIDDEN))))
    x = torch.randn(LANES, BATCH, STEPS, INPUTS, dtype=torch.float64)
    first, other = ahead(skeleton, params, x), ahead(skeleton, params, 2 * x)  # both wait at once
    expected = [first.clone(), *slopes(ahead(skeleton, params, x), params)]
    slopes(other, params)
    for rows in (1, BATCH):  # of another size in between
        slopes(ahead(skeleton, params, x[:, :rows]), params)
    for ours, theirs in zip([first, *slopes(first, params)], expected, strict=True):
        assert torch.equal(ours, theirs)


def test_a_second_way_back_is_refused():
    skeleton, params = stacked(lanes_of(lambda: Flat(nn.GRU(INPUTS, HIDDEN))))
    x = torch.randn(LANES, BATCH, STEPS, INPUTS, dtype=torch.float64)
    total = ahead(skeleton, params, x).sum()
    torch.autograd.grad(total, params, retain_graph=True)
    with pytest.raises(RuntimeError, match="only once"):
        torch.autograd.grad(total, params)


def test_spare_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(recurrence, "_SPARE", 4000)
    skeleton, params = stacked(lanes_of(lambda: Flat(nn.LSTM(INPUTS, HIDDEN))))
    x = torch.randn(LANES, BATCH, STEPS, INPUTS, dtype=torch.float64)
    slopes(ahead(skeleton, params, x), params)
    assert sum(flat.nbytes for flat in recurrence._Memory._spare) <= 4000


@pytest.mark.parametrize("kind", KINDS)
def test_the_layer_stays_what_it_was(kind):
    plain = KINDS[kind](INPUTS, HIDDEN, num_layers=2)
    parameters, text, before = dict(plain.named_parameters()), repr(plain), type(plain)
    x = torch.randn(STEPS, BATCH, INPUTS)
    expected = plain(x)[0]
    own = own_recurrence(plain)
    assert isinstance(own, before)
    assert type(own) is not before
    assert repr(own) == text
    assert all(p is parameters[name] for name, p in own.named_parameters())
    fresh = KINDS[kind](INPUTS, HIDDEN, num_layers=2)
    fresh.load_state_dict(own.state_dict())
    for other in (own, fresh, copy.deepcopy(own), pickle.loads(pickle.dumps(own))):  # noqa: S301
        assert torch.equal(other(x)[0], expected)
    packed = nn.utils.rnn.pack_padded_sequence(x, [6, 4, 2, 1])
    assert torch.equal(own(packed)[0].data, fresh(packed)[0].data)


def test_a_shared_layer_stays_shared_and_what_is_not_plain_stays_torchs():
    class Mine(nn.GRU):
        pass

    shared, mine = nn.GRU(3, 3), Mine(3, 3)
    projected, dropped = nn.LSTM(3, 3, proj_size=2), nn.LSTM(3, 3, 2, dropout=0.1)
    net = own_recurrence(nn.ModuleList([shared, nn.ModuleList([shared, mine]), projected, dropped]))
    assert net[0] is net[1][0]
    assert type(net[0]) is recurrence.GRU
    assert [type(m) for m in (net[1][1], net[2], net[3])] == [Mine, nn.LSTM, nn.LSTM]


class Net(nn.Module):
    """The columns of a row as the steps of a sequence."""

    make = nn.LSTM
    options: dict = {}  # noqa: RUF012

    def __init__(self, config, info):
        super().__init__()
        self.layer = self.make(1, 6, batch_first=True, **self.options)
        self.last = nn.Linear(self.layer.proj_size or 6, info.outputs)

    def forward(self, x):
        return self.last(self.layer(x.unsqueeze(-1))[0][:, -1])


def net(kind, **options):
    return type("Net", (Net,), {"make": staticmethod(KINDS[kind]), "options": options})


def members_of(shared, config):
    pool = Pool(shared, force_packing=True)
    members = [pool.open(config, seed) for seed in (3, 4)]
    for member in members:
        member.until = shared.epochs
    while pool.due():
        pool.turn()
    return members


@pytest.mark.parametrize("kind", KINDS)
def test_trials_train_as_lanes(recipe, kind):
    shared = recipe("sklearn:wine", dtype="float64", model="own.py:build", callable=net(kind),
                    epochs=3)  # fmt: skip
    config = {"batch_size": 40, "lr": 0.01}
    for seed, member in zip((3, 4), members_of(shared, config), strict=True):
        assert (member.alone, member.error) == ("", None)
        alone = open_trial(shared, config, seed)
        alone.advance(3)
        for (_, ours), (_, theirs) in zip(member.rows, alone.rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"num_layers": 2, "dropout": 0.5}, "its forward pass is random"),
        ({"proj_size": 2}, "Batching rule not implemented"),
    ],
)
def test_what_cannot_be_a_lane_trains_alone_and_says_why(recipe, options, why):
    shared = recipe("sklearn:wine", model="own.py:build", callable=net("lstm", **options), epochs=1)
    for member in members_of(shared, {"batch_size": 40, "lr": 0.01}):
        assert why in member.alone
        assert len(member.alone.splitlines()) == 1
        assert (member.error, member.epoch) == (None, 1)
