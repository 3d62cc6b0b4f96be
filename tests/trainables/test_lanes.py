"""The lane law: a lane computes what the same replica computes alone, whoever sits beside it."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

from trainables.batches import batch_sizes
from trainables.config import OPTIMIZERS, complete
from trainables.errors import CheckpointError
from trainables.losses import class_weights, make_loss
from trainables.metrics import complete_loss
from trainables.models.mlp import mlp
from trainables.pool import Pool
from trainables.schedules import Plateau, Span, factor
from trainables.stack import PARAM
from trainables.streams import keep_mask, order, stream, torch_seed
from trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

TORCH = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "adamw": torch.optim.AdamW,
}


class PlainDropout(nn.Module):
    def __init__(self, p, source):
        super().__init__()
        self.p, self.source = p, source

    def forward(self, x):
        if not self.training:
            return x
        keep = torch.from_numpy(keep_mask(self.source["masks"], x.numel(), self.p)).view(x.shape)
        return x * keep / (1 - self.p)


def plain(recipe, config, seed, epochs):
    """What a person would write for one fold, with our initial values, batches and masks."""
    full = complete("mlp", config)
    info, fold = recipe.prepared.info, recipe.prepared.folds[0]
    x, y = torch.from_numpy(fold.x_train.copy()).double(), torch.from_numpy(fold.y_train.copy())
    y = y.double() if y.is_floating_point() else y
    source = {}
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(seed, 0, "init", 0))
        net = mlp(full, info).double()
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                setattr(parent, name, PlainDropout(child.p, source))
    activity = []
    for layer in net.modules():
        if isinstance(layer, nn.ReLU | nn.Tanh | nn.Sigmoid | nn.GELU | nn.SiLU | nn.SELU | nn.ELU):
            layer.register_forward_hook(lambda _m, _i, out: activity.append(out.abs().sum()))
    options = dict(full["optimizer"])
    kind = options.pop("name")
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    if kind != "adamw":
        options["weight_decay"] = full["l2"]
    optimizer = TORCH[kind](net.parameters(), lr=full["lr"], **options)
    weight = class_weights(full["class_weight"], y, len(info.classes or ()), torch.float64)
    loss_of = make_loss(complete_loss(recipe.loss, info.task))
    sizes = batch_sizes(net, len(x), full["batch_size"])
    span, step, plateau = Span(len(sizes), recipe.epochs), 0, Plateau()
    for epoch in range(1, epochs + 1):
        net.train()
        source["masks"] = stream(seed, 0, "dropout", epoch)
        for rows in np.split(order(seed, 0, epoch, len(x)), np.cumsum(sizes)[:-1]):
            rate = full["lr"] * factor(full["schedule"], step, span) * plateau.scale
            optimizer.param_groups[0]["lr"] = rate
            step += 1
            activity.clear()
            output = net(x[rows])
            if info.task == "multiclass":
                smoothing = full["label_smoothing"]
                loss = F.cross_entropy(output, y[rows], weight=weight, label_smoothing=smoothing)
            else:
                loss = loss_of(output, y[rows])
            loss = loss + full["activity_l1"] / len(rows) * sum(activity)
            weights = [p for p in net.parameters() if p.ndim > 1]
            loss = loss + full["l1"] * sum(p.abs().sum() for p in weights)
            optimizer.zero_grad()
            loss.backward()
            if full["clip_norm"]:
                nn.utils.clip_grad_norm_(net.parameters(), full["clip_norm"])
            if full["clip_value"]:
                nn.utils.clip_grad_value_(net.parameters(), full["clip_value"])
            if kind == "adamw":
                for p in net.parameters():
                    p.grad += full["l2"] * p.detach()
            optimizer.step()
        if full["schedule"]["name"] == "plateau":
            net.eval()
            with torch.no_grad():
                val_x = torch.from_numpy(fold.x_val.copy()).double()
                val_y = torch.from_numpy(fold.y_val.copy())
                val_y = val_y.double() if val_y.is_floating_point() else val_y
                plateau = plateau.after(float(loss_of(net(val_x), val_y)), full["schedule"])
    return [p.detach() for p in net.parameters()]


def present(member, replica=0):
    """A member's parameters, one vector."""
    lane = member.replicas[replica]
    found = lane.tensors()
    return torch.cat([found[f"now.{name}"].reshape(-1) for name in lane.names]).detach()


def apart(found, wanted):
    """The relative error of a whole parameter vector."""
    wanted = torch.cat([t.reshape(-1) for t in wanted])
    return float((found - wanted).norm() / wanted.norm())


OPTIONS = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True},
            {"momentum": 0.5, "dampening": 0.3}],
    "rmsprop": [{}, {"momentum": 0.5}, {"centered": True}, {"centered": True, "momentum": 0.9},
                {"alpha": 1.0}],
    "adagrad": [{}, {"lr_decay": 0.01}, {"initial_accumulator_value": 0.1}],
    "adadelta": [{}, {"rho": 0.5}],
    "adam": [{}, {"amsgrad": True}, {"beta1": 0.5, "beta2": 0.9}],
    "adamax": [{}, {"beta1": 0.5}],
    "nadam": [{}, {"momentum_decay": 0.1}],
    "adamw": [{}, {"amsgrad": True}, {"weight_decay": 0.1}],
}  # fmt: skip

optimizers = st.sampled_from(sorted(OPTIONS)).flatmap(
    lambda name: st.sampled_from(OPTIONS[name]).map(lambda options: {"name": name, **options})
)
schedules = st.sampled_from(
    [
        "constant",
        {"name": "constant", "warmup": 1},
        {"name": "step", "every": 1, "factor": 0.5},
        {"name": "cosine", "warmup": 0.5},
        "one_cycle",
        {"name": "plateau", "patience": 0, "factor": 0.5},
    ]
)


@st.composite
def configs(draw):
    norm = draw(st.sampled_from([None, "batch", "layer"]))
    return {
        "hidden": draw(st.lists(st.integers(9, 14), min_size=1, max_size=2)),
        "activation": draw(st.sampled_from(["relu", "tanh", "sigmoid", "gelu", "silu", "selu"])),
        "init": draw(st.sampled_from([None, "he_normal", "orthogonal"])),
        "dropout": draw(st.sampled_from([0.0, 0.2, 0.5])),
        "norm": norm,
        "residual": draw(st.booleans()),
        "pre_norm": norm is not None and draw(st.booleans()),
        "optimizer": draw(optimizers),
        "schedule": draw(schedules),
        "lr": draw(st.sampled_from([1e-3, 1e-2])),
        "l1": draw(st.sampled_from([0.0, 1e-4])),
        "l2": draw(st.sampled_from([0.0, 1e-3])),
        "activity_l1": draw(st.sampled_from([0.0, 1e-4])),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
        "class_weight": draw(st.sampled_from([None, "balanced", [1.0, 2.0, 0.5]])),
        "clip_norm": draw(st.sampled_from([None, 0.5])),
        "clip_value": draw(st.sampled_from([None, 0.05])),
        "batch_size": 32,
    }


# What happens to lanes between two turns: (what, whom).
happenings = st.lists(
    st.tuples(st.sampled_from(["turn", "turn", "park", "drop", "join", "wait"]), st.integers(0, 9)),
    min_size=4,
    max_size=14,
)


def live(pool, trials, history, most=5):
    """Open and train trials through a history; those that are left, with (config, seed)."""
    waiting = list(enumerate(trials))
    seated = []

    def join():
        if waiting:
            seed, config = waiting.pop(0)
            member = pool.open(config, seed)
            assert member.alone == ""
            member.until = most
            seated.append((member, config, seed))

    join()
    join()
    for what, whom in history:
        member = seated[whom % len(seated)][0] if seated else None
        if what == "turn":
            for other, _, _ in seated:
                other.until = max(other.until, min(other.epoch + 1, most))
            pool.turn()
        elif what == "join":
            join()
        elif what == "wait" and member:
            member.until = member.epoch
        elif what == "park" and member:
            for lane in member.replicas:
                pack = lane.pack
                lane.park()
                pack.seat(lane)
        elif what == "drop" and len(seated) > 1:
            seated.pop(whom % len(seated))[0].close()
    return seated


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(configs(), min_size=3, max_size=5), happenings)
@example(
    # Widths that share a stack, activations that lift zero, a norm over true units only.
    [{"hidden": [n], "norm": "layer", "activation": "sigmoid", "optimizer": o, "batch_size": 32}
     for n, o in ((14, "adam"), (12, "sgd"), (13, "rmsprop"))],
    [("join", 0), ("turn", 0), ("park", 1), ("turn", 0), ("drop", 0), ("turn", 0)],
)  # fmt: skip
def test_the_lane_law(recipe, trials, history):
    shared = recipe("sklearn:wine", dtype="float64", epochs=5)
    pool = Pool(shared, packs_at_any_price=True)
    for member, config, seed in live(pool, trials, history):
        assert member.error is None
        wanted = plain(shared, config, seed, member.epoch)
        assert apart(present(member), wanted) <= 1e-6, (config, member.epoch)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_lane_law_for_each_optimizer_with_every_option(recipe, name):
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    pool = Pool(shared, packs_at_any_price=True)
    shapes = [[16, 12], [15, 11], [14, 12], [13, 10], [16, 11]]
    trials = [
        {"hidden": hidden, "optimizer": {"name": name, **options}, "lr": 0.01, "batch_size": 32}
        for hidden, options in zip(shapes, OPTIONS[name], strict=False)
    ]
    members = [pool.open(config, seed) for seed, config in enumerate(trials)]
    for member in members:
        member.until = 4
    while pool.due():
        pool.turn()
    for seed, (member, config) in enumerate(zip(members, trials, strict=True)):
        assert apart(present(member), plain(shared, config, seed, 4)) <= 1e-6


@pytest.mark.parametrize(
    ("source", "monitor", "loss"),
    [
        ("sklearn:diabetes", "val_r2", None),
        ("sklearn:diabetes", "val_mae", {"name": "huber", "delta": 0.5}),
        ("sklearn:breast_cancer", "val_f1", None),
        ("sklearn:breast_cancer", "val_roc_auc", {"name": "focal", "gamma": 2.0}),
        ("sklearn:wine", "val_balanced_accuracy", {"name": "focal", "gamma": 1.0}),
    ],
)
def test_lanes_of_every_task_report_what_they_would_alone(recipe, source, monitor, loss):
    more = ("train_loss", "grad_norm", "gap")
    shared = recipe(source, monitor=monitor, loss=loss, dtype="float64", metrics=more, epochs=3)
    pool = Pool(shared, packs_at_any_price=True)
    trials = [
        {"hidden": [12], "batch_size": 100, "dropout": 0.2, "optimizer": "sgd", "lr": 0.01},
        {"hidden": [11], "batch_size": 100, "clip_norm": 0.3},
        {"hidden": [12], "batch_size": 100, "norm": "batch"},
    ]
    members = [pool.open(config, seed) for seed, config in enumerate(trials)]
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for seed, (member, config) in enumerate(zip(members, trials, strict=True)):
        alone = open_trial(shared, config, seed)
        alone.advance(3)
        assert [epoch for epoch, _ in member.rows] == [1, 2, 3]
        for (_, ours), (_, theirs) in zip(member.rows, alone.rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9)


# --- modules of a user's own ---------------------------------------------------------------------


class Convolutional(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm1d(4)
        self.group = nn.GroupNorm(2, 4)
        self.drop = nn.Dropout(config.get("p", 0.3))
        self.head = nn.Linear(4 * info.input_shape[0], info.outputs)

    def forward(self, x):
        h = torch.relu(self.norm(self.conv(x.unsqueeze(1))))
        return self.head(self.drop(self.group(h)).flatten(1))


class Tied(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        width = info.input_shape[0]
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.second.weight = self.first.weight
        self.head = nn.Linear(width, info.outputs)

    def forward(self, x):
        return self.head(F.gelu(self.second(F.silu(self.first(x)))))


class Attentive(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))
        self.q, self.k, self.v = (nn.Linear(1, 8) for _ in range(3))
        self.head = nn.Linear(8, info.outputs)

    def forward(self, x):
        x = x.unsqueeze(-1)
        weights = (self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(8)).softmax(-1)
        return self.head((weights @ self.v(x) * self.scale).mean(1))


class Known(nn.Sequential):
    """Layers that programs know, in a subclass that they do not."""

    def __init__(self, config, info):
        super().__init__(nn.Linear(info.input_shape[0], 6), nn.ReLU(), nn.Linear(6, info.outputs))


@pytest.mark.parametrize("kind", [Convolutional, Tied, Attentive, Known])
def test_any_module_of_a_users_own_trains_as_lanes(recipe, kind):
    shared = recipe("sklearn:wine", dtype="float64", model="own.py:build", callable=kind, epochs=3)
    pool = Pool(shared, packs_at_any_price=True)
    trials = [
        {"lr": 0.01, "batch_size": 40, "optimizer": name, "p": p, "activity_l1": 0.0}
        for name, p in zip(("sgd", "adam", "adamax", "rmsprop"), (0.3, 0.0, 0.5, 0.1), strict=True)
    ]
    members = [pool.open(config, seed) for seed, config in enumerate(trials)]
    assert {member.alone for member in members} == {""}
    for member in members:
        member.until = 3
    pool.turn()
    members[2].close()
    while pool.due():
        pool.turn()
    for seed in (0, 1, 3):
        alone = open_trial(shared, trials[seed], seed)
        alone.advance(3)
        ours, theirs = members[seed].replicas[0].tensors(), alone.replicas[0].tensors()
        assert set(ours) == set(theirs)
        for name, wanted in theirs.items():
            assert torch.allclose(ours[name].double(), wanted.double(), rtol=1e-6, atol=1e-9), name


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
    pool = Pool(shared, packs_at_any_price=True)
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
    pool = Pool(shared, packs_at_any_price=True)
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


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_goes_both_ways(recipe, tmp_path, name):
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    config = {"hidden": [11], "optimizer": name, "dropout": 0.3, "norm": "batch", "batch_size": 32}
    whole = open_trial(shared, config, 7)
    whole.advance(4)
    pool = Pool(shared, packs_at_any_price=True)
    pool.open({**config, "hidden": [12]}, 1)
    lane = pool.open(config, 7)
    lane.until = 2
    while pool.due():
        pool.turn()
    lane.save(tmp_path / "lane")
    alone = open_trial(shared, config, 7, tmp_path / "lane")
    alone.advance(3)
    alone.save(tmp_path / "alone")
    again = Pool(shared, packs_at_any_price=True).open(config, 7, tmp_path / "alone")
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
        pool = Pool(shared, packs_at_any_price=True)
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
    pool = Pool(shared, packs_at_any_price=True)
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
    pool = Pool(shared, packs_at_any_price=True)
    pool.open({"hidden": [12]}, 0)
    member = pool.open({"hidden": [11], "optimizer": {"name": "adam", "eps": 0.0}}, 1)
    (lane,) = member.replicas
    assert lane.pack.shapes == lane.shapes


def test_depth_and_batch_size_go_to_other_packs_and_the_rest_shares_one(recipe):
    pool = Pool(recipe("sklearn:wine"), packs_at_any_price=True)
    base = {"hidden": [12], "batch_size": 32}
    shared = [{}, {"hidden": [11]}, {"activation": "tanh"}, {"dropout": 0.5}, {"lr": 0.1},
              {"optimizer": "sgd"}, {"clip_norm": 1.0}, {"l1": 0.1}]  # fmt: skip
    other = [{"hidden": [12, 12]}, {"batch_size": 16}, {"norm": "layer"}, {"hidden": [40]}]
    packs = [pool.open({**base, **change}, 0).replicas[0].pack for change in (*shared, *other)]
    assert len(set(map(id, packs[: len(shared)]))) == 1
    assert len(set(map(id, packs))) == 1 + len(other)


def test_a_pack_that_breaks_lets_its_trials_train_alone(recipe, monkeypatch):
    pool = Pool(recipe("sklearn:wine"), packs_at_any_price=True)
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
    assert "no such kernel" in pool.notes["packing"]
    again.until = 1
    assert list(pool.turn()) == [again]
    assert again.epoch == 1
    assert again.error is None


def test_what_stops_a_person_stops_the_pool(recipe, monkeypatch, tmp_path):
    pool = Pool(recipe("sklearn:wine"), packs_at_any_price=True)
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
    pool = Pool(recipe("sklearn:wine", epochs=9), packs_at_any_price=True)
    # At such a rate nothing is learned, so that the first epoch stays the best.
    ended = pool.open({"hidden": [8], "lr": 1e-12, "patience": 2, "optimizer": "sgd"}, 0)
    other = pool.open({"hidden": [8]}, 1)
    ended.until = other.until = 6
    while pool.due():
        pool.turn()
    assert (ended.ended, ended.epoch) == (True, 3)
    assert (other.ended, other.epoch) == (False, 6)


def test_one_trial_at_a_time_until_some_train_in_packs(recipe, monkeypatch):
    from trainables import gain

    monkeypatch.setattr(gain, "measure", lambda *arguments: gain.Costs(0.5, 8))
    pool = Pool(recipe("sklearn:wine"), 16)
    assert pool.lanes == 1
    member = pool.open({"hidden": [8]}, 0)
    assert member.alone == "a probe took 2.00 times as long as a lane as it did alone"
    assert pool.lanes == 1
    monkeypatch.setattr(gain, "measure", lambda *arguments: gain.Costs(3.0, 40))
    pool = Pool(recipe("sklearn:wine"), 16)
    assert pool.open({"hidden": [8]}, 0).alone == ""
    assert pool.lanes == 16
    assert pool.notes["packing"].endswith("3.0 times as fast as alone")
    pool = Pool(recipe("sklearn:wine"))
    pool.open({"hidden": [8]}, 0)
    assert pool.lanes == 40
    pool.open({"hidden": [200]}, 0)  # networks of another size want lanes of their own
    assert pool.lanes == 64


def test_no_more_lanes_than_memory_has_room_for(recipe, monkeypatch):
    from trainables import gain

    monkeypatch.setattr(gain, "_free", lambda device: 2e6)
    pool = Pool(recipe("sklearn:wine"), packs_at_any_price=True)
    pool.open({"hidden": [100, 100], "batch_size": 32}, 0)
    assert 1 <= pool.lanes <= 10


# --- what does not pack ----------------------------------------------------------------------


class Odd(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        self.kind, self.calls = config["kind"], 0
        self.first, self.last = nn.Linear(info.input_shape[0], 6), nn.Linear(6, info.outputs)
        self.unused = nn.Linear(2, 2) if self.kind == "unused" else None
        self.lstm = None
        if self.kind == "lstm":  # torch drops between its layers by its own generator
            self.lstm = nn.LSTM(6, 6, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, x):
        h = torch.relu(self.first(x))
        match self.kind:
            case "item":
                h = h * (1 + 0 * h.sum().item())
            case "branch":
                h = h if h.sum() > -1 else -h
            case "random" if self.training:
                h = h + 0.1 * torch.randn_like(h)
            case "dropout":
                h = F.dropout(h, 0.5, self.training)
            case "counter":
                self.calls += 1
                h = h * (1 + self.calls % 7)
            case "lstm":
                h = self.lstm(h.unsqueeze(1))[0][:, 0]
        return self.last(h)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("item", "item"),
        ("branch", "data-dependent"),
        ("random", "random"),
        ("dropout", "random"),
        ("counter", "remembers"),
        ("unused", "does not use unused"),
        ("lstm", ""),
    ],
)
def test_a_module_that_does_not_pack_trains_alone_and_says_why(recipe, kind, why):
    shared = recipe("sklearn:wine", model="own.py:build", callable=Odd, epochs=2)
    pool = Pool(shared, packs_at_any_price=True)
    member = pool.open({"kind": kind, "batch_size": 40}, 3)
    assert why in member.alone
    assert member.alone
    assert "\n" not in pool.notes["packing"]
    member.until = 2
    while pool.due():
        pool.turn()
    alone = open_trial(shared, {"kind": kind, "batch_size": 40}, 3)
    alone.advance(2)
    assert member.rows == alone.rows


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_lanes_on_a_gpu(recipe, name):
    shared = recipe("sklearn:wine", dtype="float64", device="cuda", epochs=3)
    pool = Pool(shared, packs_at_any_price=True)
    trials = [
        {"hidden": [hidden], "optimizer": name, "dropout": 0.2, "batch_size": 32}
        for hidden in (12, 11)
    ]
    members = [pool.open(config, seed) for seed, config in enumerate(trials)]
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for seed, (member, config) in enumerate(zip(members, copy.deepcopy(trials), strict=True)):
        assert apart(present(member).cpu(), plain(shared, config, seed, 3)) <= 1e-6


def test_a_lane_can_be_copied_into_another(recipe):
    """As population based training does: the copy goes on as the source would."""
    shared = recipe("sklearn:wine", dtype="float64", epochs=4)
    pool = Pool(shared, packs_at_any_price=True)
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
