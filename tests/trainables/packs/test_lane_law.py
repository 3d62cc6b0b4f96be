"""The lane law against plain torch: a lane's parameters are those of a loop that a person writes.

The loop knows nothing of our training but what makes two trainings comparable: the initial values
(the same build under the same seed), the order of the rows, the masks of dropout.

Training is chaotic: after a hundred steps two trainings that differ by 1e-15 may have nothing in
common. About twenty steps are compared. A parameter whose true gradient is zero (a bias before
BatchNorm, a key's bias in attention) is moved by rounding alone; no module here has one.
"""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.config import complete
from lanewise.trainables.knobs import ACTIVATIONS, INITS
from lanewise.trainables.models.mlp.module import mlp
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.training.streams import keep_mask, order, stream, torch_seed
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread", "radam")

EPOCHS = 4  # of five steps each
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

# --- the loop ------------------------------------------------------------------------------------

TORCH = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "adamw": torch.optim.AdamW,
    "radam": torch.optim.RAdam,  # see `new_optimizer`
}


class Drop(nn.Module):
    """What nn.Dropout does, with masks from a given generator."""

    def __init__(self, p, source):
        super().__init__()
        self.p, self.source = p, source

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return x * 0
        keep = torch.from_numpy(keep_mask(self.source["masks"], x.numel(), self.p))
        return x * keep.view(x.shape) / (1 - self.p)


def with_drops(net, source):
    made = {}
    for parent in list(net.modules()):
        for name, child in parent._modules.items():
            if type(child) is nn.Dropout:
                parent._modules[name] = made.setdefault(id(child), Drop(child.p, source))
    return net


def rates(full, steps, epochs):
    """The learning rate of each step by torch.optim.lr_scheduler; plateau's before it."""
    options, lr = dict(full["schedule"]), full["lr"]
    name = options.pop("name")
    dummy = torch.optim.SGD([torch.zeros(1)], lr=lr)
    by = torch.optim.lr_scheduler
    scheduler = None
    if name == "step":
        scheduler = by.StepLR(dummy, options["every"] * steps, options["factor"])
    elif name == "cosine":
        scheduler = by.CosineAnnealingLR(dummy, steps * epochs, lr * options["final"])
    elif name == "one_cycle":
        scheduler = by.OneCycleLR(
            dummy, lr, total_steps=steps * epochs, cycle_momentum=False, **options
        )
    found = []
    rising = options.get("warmup", 0) * steps
    for step in range(steps * epochs):
        warm = min(1.0, (step + 1) / rising) if rising else 1.0
        found.append(dummy.param_groups[0]["lr"] * warm)
        dummy.step()
        if scheduler is not None and step + 1 < steps * epochs:
            scheduler.step()
    return found


class Plain:
    """One replica, trained as a person would."""

    def __init__(self, recipe, build, config, seed, number=0):
        self.full = full = complete(recipe.model, config)
        self.recipe, self.seed, self.number = recipe, seed, number
        self.info = info = recipe.prepared.info
        fold = recipe.prepared.folds[number // recipe.seeds]
        self.x, self.y, self.val_x, self.val_y = (
            t.double() if t.is_floating_point() else t
            for t in (
                torch.from_numpy(array.copy())
                for array in (fold.x_train, fold.y_train, fold.x_val, fold.y_val)
            )
        )
        self.source = {}
        with torch.random.fork_rng():
            torch.manual_seed(torch_seed(seed, number, "init", 0))
            net = build(full if recipe.callable is None else config, info)
        self.net = with_drops(net.double(), self.source)
        self.activity = []
        kinds = tuple(type(make()) for make in ACTIVATION_MODULES)
        for layer in self.net.modules():
            if isinstance(layer, kinds):
                layer.register_forward_hook(lambda m, i, out: self.activity.append(out))
        options = dict(full["optimizer"])
        kind = self.kind = options.pop("name")
        if "beta1" in options:
            options["betas"] = (options.pop("beta1"), options.pop("beta2"))
        if kind != "adamw":
            options["weight_decay"] = full["l2"]
        self.params = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = TORCH[kind](self.params, lr=full["lr"], foreach=False, **options)
        self.steps = -(-len(self.x) // full["batch_size"])
        self.rates = rates(full, self.steps, recipe.epochs)
        self.scale = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        self.plateau = None
        if full["schedule"]["name"] == "plateau":
            plateau = {k: v for k, v in full["schedule"].items() if k not in ("name", "warmup")}
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self.scale, **plateau)
        weight = full["class_weight"]
        if weight == "balanced":
            counts = np.bincount(self.y.long().numpy())
            weight = len(self.y) / (len(counts) * counts)
        self.weight = None if weight is None else torch.as_tensor(weight, dtype=torch.float64)
        self.epoch, self.rows = 0, []

    def logits(self, output):
        one = output.shape[1] == 1
        return torch.cat([torch.zeros_like(output), output], 1) if one else output

    def plain_loss(self, output, y):
        loss = self.recipe.loss or {}
        options = {k: v for k, v in loss.items() if k != "name"}
        if self.info.task == "regression":
            functions = {"mae": F.l1_loss, "huber": F.huber_loss, "smooth_l1": F.smooth_l1_loss}
            return functions.get(loss.get("name"), F.mse_loss)(output[:, 0], y, **options)
        each = F.cross_entropy(self.logits(output), y.long(), reduction="none")
        if loss.get("name") == "focal":
            each = each * (1 - torch.exp(-each)) ** options.get("gamma", 2.0)
        return each.mean()

    def descended(self, output, y):
        smoothing = self.full["label_smoothing"]
        if self.weight is None and not smoothing:
            return self.plain_loss(output, y)
        assert (self.recipe.loss or {}).get("name") != "focal", "not written here"
        return F.cross_entropy(
            self.logits(output), y.long(), weight=self.weight, label_smoothing=smoothing
        )

    def train_epoch(self):
        full, params = self.full, self.params
        epoch, steps = self.epoch + 1, self.epoch * self.steps
        self.net.train()
        self.source["masks"] = stream(self.seed, self.number, "dropout", epoch)
        rows = order(self.seed, self.number, epoch, len(self.x))
        losses = []
        for number, start in enumerate(range(0, len(self.x), full["batch_size"]), steps):
            batch = rows[start : start + full["batch_size"]]
            x, y = self.x[batch], self.y[batch]
            rate = self.rates[number] * self.scale.param_groups[0]["lr"]
            self.optimizer.param_groups[0]["lr"] = rate
            self.activity.clear()
            output = self.net(x)
            loss = self.descended(output, y)
            penalty = sum(a.abs().sum() for a in self.activity)
            loss = loss + full["activity_l1"] / len(x) * penalty
            loss = loss + full["l1"] * sum(p.abs().sum() for p in params if p.ndim > 1)
            self.optimizer.zero_grad()
            loss.backward()
            if full["clip_norm"]:
                nn.utils.clip_grad_norm_(params, full["clip_norm"])
            if full["clip_value"]:
                nn.utils.clip_grad_value_(params, full["clip_value"])
            if self.kind == "adamw":
                for p in params:
                    p.grad += full["l2"] * p.detach()
            self.optimizer.step()
            losses.append(len(x) * float(self.plain_loss(output.detach(), y)))
        self.net.eval()
        with torch.no_grad():
            output = self.net(self.val_x.clone())
        val = float(self.plain_loss(output, self.val_y))
        if self.plateau:
            self.scale.step()
            self.plateau.step(val)
        self.epoch = epoch
        self.rows.append({"train_loss": sum(losses) / len(self.x), "val_loss": val})

    def take_over(self, other):
        """Weights, and what the optimizer and the schedule remember, of another."""
        self.net.load_state_dict(other.net.state_dict())
        if self.kind == other.kind:
            state = copy.deepcopy(other.optimizer.state_dict()["state"])
            own = self.optimizer.state_dict()
            # Not load_state_dict alone: it casts NAdam's float32 mu_product to float64.
            self.optimizer.load_state_dict({**own, "state": state})
            for place, p in enumerate(self.params):
                if "mu_product" in state.get(place, {}):
                    self.optimizer.state[p]["mu_product"] = state[place]["mu_product"]
        if self.plateau and other.plateau:
            self.plateau.load_state_dict(
                {k: v for k, v in other.plateau.state_dict().items()
                 if k in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")}
            )  # fmt: skip
            self.scale.param_groups[0]["lr"] = other.scale.param_groups[0]["lr"]
        self.epoch, self.rows = other.epoch, list(other.rows)

    def vector(self):
        return torch.cat([p.detach().reshape(-1) for p in self.params])


ACTIVATION_MODULES = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus,
)  # fmt: skip


def present(lane):
    """A lane's parameters, one vector."""
    found = lane.tensors()
    return torch.cat([found[f"now.{n}"].reshape(-1) for n in lane.names]).detach().cpu()


def agrees(member, plains, about=""):
    """The lane law for every replica of a member, and its rows."""
    assert member.error is None, (member.error, about)
    for lane, plain in zip(member.replicas, plains, strict=True):
        wanted = plain.vector()
        assert wanted.isfinite().all(), about
        apart = float((present(lane) - wanted).norm() / wanted.norm())
        assert apart <= 1e-6, (apart, about)
    for place, (epoch, row) in enumerate(member.rows):
        assert epoch == place + 1
        for name in ("train_loss", "val_loss"):
            mean = np.mean([plain.rows[place][name] for plain in plains])
            assert row[name] == pytest.approx(mean, rel=1e-6, abs=1e-9), (name, epoch, about)


def close_rows(ours, theirs):
    """Every reported metric."""
    assert [epoch for epoch, _ in ours] == [epoch for epoch, _ in theirs]
    for (_, one), (_, other) in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-9)


def finish(pool, until, *members):
    for member in members:
        member.until = until
    while pool.due():
        pool.turn()


def check_together(recipe, build, trials, until=EPOCHS, *, solo=True):
    """Trials in one pool against plain loops and, their rows, against solo trials."""
    pool = Pool(recipe, force_packing=True)
    members = [pool.open(config, seed) for seed, config in enumerate(trials)]
    assert [member.alone for member in members] == [""] * len(trials)
    finish(pool, until, *members)
    for seed, (config, member) in enumerate(zip(trials, members, strict=True)):
        plains = [Plain(recipe, build, config, seed, n) for n in range(member.lanes)]
        for plain in plains:
            for _ in range(until):
                plain.train_epoch()
        agrees(member, plains, config)
        if solo:
            alone = open_trial(recipe, config, seed)
            alone.advance(until)
            close_rows(member.rows, alone.rows)
    return members


# --- models --------------------------------------------------------------------------------------


class Functional(nn.Module):
    """Its activation is a function."""

    def __init__(self, inputs, outputs, p):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 8), nn.Linear(8, outputs)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        return self.last(self.drop(F.relu(self.first(x))))


class Custom(nn.Module):
    """A layer of its own, with a bare parameter, a scalar parameter and a frozen layer."""

    def __init__(self, inputs, outputs, p):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, 7) / 4)
        self.power = nn.Parameter(torch.tensor(0.5))
        self.frozen = nn.Linear(7, 7).requires_grad_(False)
        self.last = nn.Linear(7, outputs)
        self.drop = nn.Dropout(p)
        self.register_buffer("offset", torch.linspace(-1, 1, 7))

    def forward(self, x):
        h = torch.einsum("bi,ih->bh", x, self.weight) + self.offset
        return self.last(self.drop(torch.tanh(self.frozen(h)) * self.power))


class Conv1d(nn.Module):
    def __init__(self, inputs, outputs, p):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1, bias=False)
        self.norm, self.group = nn.BatchNorm1d(4), nn.GroupNorm(2, 4)
        self.act, self.drop = nn.GELU(), nn.Dropout(p)
        self.head = nn.Linear(4 * inputs, outputs)

    def forward(self, x):
        h = self.group(self.act(self.norm(self.conv(x.unsqueeze(1)))))
        return self.head(self.drop(h).flatten(1))


class Conv2d(nn.Module):
    def __init__(self, inputs, outputs, p):
        super().__init__()
        self.conv, self.drop = nn.Conv2d(1, 3, 2), nn.Dropout(p)
        self.head = nn.Linear(3, outputs)

    def forward(self, x):
        x = x[:, : x.shape[1] // 2 * 2].reshape(len(x), 1, 2, -1)
        return self.head(F.avg_pool2d(self.drop(F.silu(self.conv(x))), (1, 2)).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, inputs, outputs, p):
        super().__init__()
        self.place = nn.Parameter(torch.randn(inputs, 8))
        self.q, self.v = nn.Linear(8, 8), nn.Linear(8, 8)
        self.k = nn.Linear(8, 8, bias=False)
        self.drop, self.norm = nn.Dropout(p), nn.LayerNorm(8)
        self.head = nn.Linear(8, outputs)

    def forward(self, x):
        h = x.unsqueeze(-1) * self.place
        weights = (self.q(h) @ self.k(h).transpose(1, 2) / math.sqrt(8)).softmax(-1)
        return self.head(self.norm(h + self.drop(weights @ self.v(h))).mean(1))


class Tied(nn.Module):
    def __init__(self, inputs, outputs, p):
        super().__init__()
        self.first, self.second = nn.Linear(inputs, inputs), nn.Linear(inputs, inputs)
        self.second.weight = self.first.weight
        self.drop, self.head = nn.Dropout(p), nn.Linear(inputs, outputs)

    def forward(self, x):  # one dropout, used twice
        return self.head(self.drop(torch.tanh(self.second(self.drop(F.silu(self.first(x)))))))


def layers(inputs, outputs, p):
    """Layers that programs know, with a dropout at the front and biasless ones."""
    return nn.Sequential(
        nn.Dropout(p), nn.Linear(inputs, 10, bias=False), nn.BatchNorm1d(10), nn.ReLU(inplace=True),
        nn.Linear(10, 9), nn.Softplus(), nn.LayerNorm(9), nn.Dropout(p), nn.Linear(9, outputs),
    )  # fmt: skip


class Known(nn.Sequential):
    """Layers that programs know, in a subclass that they do not."""

    def __init__(self, inputs, outputs, p):
        super().__init__(nn.Linear(inputs, 6), nn.ReLU(), nn.Dropout(p), nn.Linear(6, outputs))


KINDS = (Functional, Custom, Conv1d, Conv2d, Attention, Tied, layers, Known)
FAMILIES = {kind.__name__: kind for kind in KINDS}


def own(config, info):
    return FAMILIES[config["family"]](info.input_shape[0], info.outputs, config.get("p", 0.0))


# --- every variant once --------------------------------------------------------------------------

VARIANTS = [
    (norm, residual, pre_norm)
    for norm, residual, pre_norm in itertools.product(
        (None, "batch", "layer"), (False, True), (False, True)
    )
    if norm or not pre_norm
]


@pytest.mark.parametrize(("norm", "residual", "pre_norm"), VARIANTS)
def test_every_variant_with_every_activation_and_initialisation(recipe, norm, residual, pre_norm):
    shared = recipe("sklearn:wine", dtype="float64", epochs=EPOCHS)
    names = list(OPTIMIZERS)
    turned = VARIANTS.index((norm, residual, pre_norm))
    trials = [
        {
            "hidden": [14, 12] if n % 2 else [15, 11],
            "activation": activation,
            "init": (None, *INITS)[n % 6],
            "norm": norm,
            "residual": residual,
            "pre_norm": pre_norm,
            "dropout": (0.0, 0.3)[n % 2],
            "activity_l1": (0.0, 1e-4)[n // 2 % 2],
            "optimizer": names[(n + turned) % 8],
            "batch_size": 32,
        }
        for n, activation in enumerate(ACTIVATIONS)
    ]
    members = check_together(shared, mlp, trials, solo=False)
    # Without a dropout's layer the buffers of a later batch norm have other names.
    packs = len({id(member.replicas[0].pack) for member in members})
    assert packs <= (2 if norm == "batch" else 1)


def test_every_depth(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=EPOCHS)
    trials = [
        {"hidden": hidden, "batch_size": 32, "lr": 0.01, "dropout": 0.2}
        for hidden in ([], [], [1], [9], [8, 9, 10], [8, 9, 11], [24, 3])
    ]
    check_together(shared, mlp, trials)


# rmsprop with alpha 1 remembers no gradient and divides by eps alone: with the usual 1e-8 the
# trial diverges, which is right, but then there is nothing left to compare.
OPTIONS = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True},
            {"momentum": 0.5, "dampening": 0.3}, {"dampening": 0.3},
            {"momentum": 0.5, "dampening": 1.0}],
    "rmsprop": [{}, {"momentum": 0.5}, {"centered": True}, {"centered": True, "momentum": 0.9},
                {"alpha": 0.0}, {"alpha": 0.5, "eps": 1e-3}, {"alpha": 1.0, "eps": 0.1}],
    "adagrad": [{}, {"lr_decay": 0.01}, {"initial_accumulator_value": 0.1},
                {"eps": 0.1, "lr_decay": 0.5}],
    "adadelta": [{}, {"rho": 0.5}, {"rho": 0.0}, {"eps": 1e-2}, {"rho": 1.0}],
    "adam": [{}, {"amsgrad": True}, {"beta1": 0.5, "beta2": 0.9}, {"beta1": 0.0}, {"eps": 0.1}],
    "adamax": [{}, {"beta1": 0.5}, {"beta1": 0.0, "beta2": 0.5}, {"eps": 0.1}],
    "nadam": [{}, {"momentum_decay": 0.1}, {"momentum_decay": 0.0, "beta2": 0.9}, {"beta1": 0.5}],
    "adamw": [{}, {"amsgrad": True}, {"weight_decay": 0.1},
              {"weight_decay": 0.0, "beta1": 0.0, "beta2": 0.9}],
    "radam": [{}, {"beta1": 0.5}, {"beta1": 0.0, "beta2": 0.5}, {"eps": 0.1}],
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_every_optimizer(recipe, name):
    """Padded, with l2, and with eps = 0, which no padding survives."""
    tried = {key for options in OPTIONS[name] for key in options}
    assert tried | {"eps"} >= set(OPTIMIZERS[name].options)
    shared = recipe("sklearn:wine", dtype="float64", epochs=EPOCHS)
    shapes = itertools.cycle([[16, 12], [15, 11], [14, 12], [13, 11]])
    trials = [
        {"hidden": hidden, "optimizer": {"name": name, **options}, "l2": l2, "lr": 0.01,
         "activation": "tanh", "batch_size": 32}
        for (options, l2), hidden in zip(
            itertools.product(OPTIONS[name], (0.0, 1e-2)), shapes, strict=False
        )
    ]  # fmt: skip
    members = check_together(shared, mlp, trials, solo=False)
    assert len({id(member.replicas[0].pack) for member in members}) == 1
    if "eps" in OPTIMIZERS[name].options:
        exact = {**trials[1], "optimizer": {"name": name, "eps": 0.0}}
        members = check_together(shared, mlp, [trials[0], exact], solo=False)
        (lane,) = members[1].replicas
        assert lane.pack.shapes == lane.shapes


SCHEDULES = [
    "constant",
    {"name": "constant", "warmup": 1.5},
    {"name": "step", "every": 1, "factor": 0.5, "warmup": 1},
    {"name": "step", "every": 2, "factor": 0.1},
    "cosine",
    {"name": "cosine", "final": 0.2, "warmup": 0.5},
    "one_cycle",
    {"name": "one_cycle", "pct_start": 0.5, "div_factor": 5.0, "final_div_factor": 10.0},
    {"name": "plateau", "patience": 0, "factor": 0.5, "threshold": 0.9},
    {"name": "plateau", "patience": 0, "threshold": 0.9, "cooldown": 1, "warmup": 1},
]
KNOBS = [
    {"l1": 1e-3},
    {"l1": 1e-3, "clip_norm": 0.5},
    {"clip_value": 0.02, "clip_norm": 0.3, "l2": 1e-2, "optimizer": "adamw"},
    {"activity_l1": 1e-3},
    {"label_smoothing": 0.1},
    {"class_weight": "balanced"},
    {"class_weight": [1.0, 3.0, 0.5], "label_smoothing": 0.2, "activity_l1": 1e-3},
    {"dropout": 0.999},
    {"l1": 1e-2, "l2": 1e-2, "optimizer": "adamw"},
]
BESIDE = {"hidden": [10], "batch_size": 32, "lr": 0.01, "optimizer": "sgd"}


def test_every_schedule(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=EPOCHS)
    trials = [{**BESIDE, "hidden": [9 + n % 2], "schedule": s} for n, s in enumerate(SCHEDULES)]
    check_together(shared, mlp, trials)


def test_every_penalty_and_clipping(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=EPOCHS, metrics=("grad_norm", "gap"))
    trials = [{**BESIDE, "hidden": [9 + n % 2], **knobs} for n, knobs in enumerate(KNOBS)]
    check_together(shared, mlp, trials)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_module(recipe, family):
    shared = recipe(
        "sklearn:wine", dtype="float64", model="own.py:build", callable=own, epochs=EPOCHS
    )
    knobs = itertools.cycle([{}, {"l1": 1e-3}, {"clip_norm": 0.3}, {"l2": 1e-2}])
    trials = [
        {"family": family, "p": p, "optimizer": name, "lr": 0.01, "batch_size": 40, **more}
        for name, p, more in zip(OPTIMIZERS, (0.3, 0.0, 0.5, 0.1) * 2, knobs, strict=False)
    ]
    members = check_together(shared, own, trials)
    assert len({id(member.replicas[0].pack) for member in members}) == 1


@pytest.mark.parametrize(
    ("source", "loss", "metrics", "knobs"),
    [
        ("sklearn:diabetes", None, ("val_r2", "val_mae", "val_rmse", "train_mse"), {}),
        ("sklearn:diabetes", {"name": "huber", "delta": 0.5}, ("val_r2",), {}),
        ("sklearn:diabetes", {"name": "mae"}, ("val_r2",), {}),
        ("sklearn:diabetes", {"name": "smooth_l1", "beta": 0.3}, ("val_r2",), {}),
        ("sklearn:breast_cancer", None, ("val_f1", "val_roc_auc", "train_log_loss"),
         {"class_weight": "balanced", "label_smoothing": 0.1}),
        ("sklearn:breast_cancer", {"name": "focal", "gamma": 2.0}, ("val_accuracy",), {}),
        ("sklearn:wine", {"name": "focal", "gamma": 0.5}, ("val_balanced_accuracy", "val_f1"), {}),
    ],
)  # fmt: skip
def test_every_task_and_loss(recipe, source, loss, metrics, knobs):
    more = (*metrics, "grad_norm", "gap")
    shared = recipe(
        source, monitor=metrics[0], loss=loss, dtype="float64", metrics=more, epochs=EPOCHS
    )
    base = {"batch_size": 100, "lr": 0.01}
    trials = [
        {**base, "hidden": [12], "dropout": 0.2, "optimizer": "sgd", **knobs},
        {**base, "hidden": [11], "clip_norm": 0.3},
        {**base, "hidden": [12], "norm": "layer", "activation": "sigmoid", **knobs},
    ]
    check_together(shared, mlp, trials)


def test_folds_and_seeds_in_several_packs(recipe):
    """Three folds of 118 and 119 rows: batches of 17 part them otherwise, so that packs differ."""
    shared = recipe("sklearn:wine", dtype="float64", folds=3, seeds=2, epochs=2)
    trials = [
        {"hidden": [hidden], "batch_size": 59, "dropout": 0.2, "lr": 0.01, "class_weight": weight}
        for hidden, weight in ((10, None), (9, "balanced"))
    ]
    members = check_together(shared, mlp, trials, until=2)
    assert all(len({id(lane.pack) for lane in member.replicas}) == 2 for member in members)


def test_replicas_step_together(recipe):
    """Of every optimizer, and of schedules with and without a memory of each replica's own."""
    shared = recipe("sklearn:wine", dtype="float64", seeds=3, epochs=2)
    base = {"hidden": [11], "batch_size": 32, "lr": 0.01, "l2": 1e-2, "dropout": 0.2}
    trials = [{**base, "optimizer": name} for name in OPTIMIZERS]
    trials += [{**base, "schedule": SCHEDULES[place]} for place in (4, 8)]
    members = check_together(shared, mlp, trials, until=2)
    first, second = members[0].replicas[:2]
    assert second.steps_like(first)
    assert not members[-1].replicas[1].steps_like(members[-1].replicas[0])


# --- random histories ----------------------------------------------------------------------------

optimizers = st.sampled_from(
    [{"name": name, **options} for name, many in OPTIONS.items() for options in many]
)


@st.composite
def configs(draw):
    norm = draw(st.sampled_from([None, "batch", "layer"]))
    return {
        "hidden": draw(st.lists(st.integers(9, 12), min_size=1, max_size=2)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "init": draw(st.sampled_from((None, *INITS))),
        "dropout": draw(st.sampled_from([0.0, 0.2, 0.5])),
        "norm": norm,
        "residual": draw(st.booleans()),
        "pre_norm": norm is not None and draw(st.booleans()),
        **draw(training()),
    }


@st.composite
def training(draw):
    return {
        "optimizer": draw(optimizers),
        "schedule": draw(st.sampled_from(SCHEDULES)),
        "lr": draw(st.sampled_from([1e-3, 1e-2])),
        "l1": draw(st.sampled_from([0.0, 1e-4])),
        "l2": draw(st.sampled_from([0.0, 1e-3])),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
        "class_weight": draw(st.sampled_from([None, "balanced", [1.0, 2.0, 0.5]])),
        "clip_norm": draw(st.sampled_from([None, 0.5])),
        "clip_value": draw(st.sampled_from([None, 0.05])),
        "batch_size": 32,
    }


@st.composite
def modules(draw):
    return {
        "family": draw(st.sampled_from(sorted(FAMILIES))),
        "p": draw(st.sampled_from([0.0, 0.2, 0.5])),
        **draw(training()),
    }


SHAPE = ("norm", "residual", "pre_norm", "family")


@st.composite
def neighbours(draw, one, most):
    """Configurations of which most may sit in one pack: of one kind and depth."""
    first, *others = draw(st.lists(one, min_size=4, max_size=most))
    found = [first]
    for other in others:
        shared = {key: first[key] for key in SHAPE if key in first}
        if "hidden" in first:
            wider = draw(st.integers(0, 1))
            shared["hidden"] = [width + wider for width in first["hidden"]]
        found.append(other if draw(st.integers(0, 4)) == 4 else {**other, **shared})
    return found


# What happens between two turns: (what, whom, a second one).
histories = st.lists(
    st.tuples(
        st.sampled_from(
            ["train", "train", "turn", "turn", "park", "drop", "join", "copy", "fork", "fork"]
        ),
        st.integers(0, 11),
        st.integers(0, 11),
    ),
    min_size=6,
    max_size=16,
)


class Life:
    """A pool and, beside every member, the plain loops that it must agree with."""

    def __init__(self, recipe, build, trials, folder):
        self.recipe, self.build, self.folder = recipe, build, folder
        self.pool = Pool(recipe, force_packing=True)
        self.waiting = list(enumerate(trials))
        self.seated = []  # (member, plain, config)

    def live(self, history):
        self.join(0, 0)
        self.join(0, 0)
        for what, whom, other in history:
            getattr(self, what)(whom, other)
            self.follow()
        finish(self.pool, EPOCHS, *(member for member, _, _ in self.seated))
        self.follow()
        for member, plain, config in self.seated:
            agrees(member, [plain], (config, history))

    def follow(self):
        """The plain loops train what the members have."""
        for member, plain, _ in self.seated:
            while plain.epoch < member.epoch:
                plain.train_epoch()

    def pick(self, number):
        return self.seated[number % len(self.seated)]

    def join(self, whom, other, checkpoint=None):
        if not self.waiting:
            return None
        seed, config = self.waiting.pop(0)
        member = self.pool.open(config, seed, checkpoint)
        assert member.alone == ""
        self.seated.append((member, Plain(self.recipe, self.build, config, seed), config))
        return self.seated[-1]

    def train(self, whom, other):
        """Some may train an epoch more; the others sit and wait."""
        for number, (member, _, _) in enumerate(self.seated):
            if (whom + number) % 3:
                member.until = max(member.until, min(member.epoch + 1, EPOCHS))
        self.pool.turn()

    def turn(self, whom, other):
        self.pool.turn()

    def park(self, whom, other):
        """All of it to host memory, and back behind the others."""
        for lane in self.pick(whom)[0].replicas:
            pack = lane.pack
            lane.park()
            pack.seat(lane)

    def drop(self, whom, other):
        """Somebody is stopped, and the next one takes the place."""
        if len(self.seated) > 1:
            self.seated.pop(whom % len(self.seated))[0].close()
            self.join(0, 0)

    def copy(self, whom, other):
        """One takes over what another of the same shape and optimizer has learned."""
        (member, plain, config), (source, theirs, their) = self.pick(whom), self.pick(other)
        (lane,), (model,) = member.replicas, source.replicas
        same = config["optimizer"] == their["optimizer"] and config["schedule"] == their["schedule"]
        if member is source or lane.pack is not model.pack or lane.shapes != model.shapes:
            return
        if not same or not source.epoch:
            return
        pack = lane.pack
        lane.park()
        lane.restore(model.tensors(), with_optimizer=True)
        pack.seat(lane)
        lane.done = member._course.epoch = source.epoch
        member._course.rows = list(source.rows)
        plain.take_over(theirs)

    def fork(self, whom, other):
        """A new one with another configuration goes on from somebody's checkpoint."""
        source, theirs, their = self.pick(whom)
        if not self.waiting or not source.epoch:
            return
        seed, config = self.waiting[0]
        # Without dropout its layer is not there, and the others have other names.
        shape = ("hidden", "norm", "residual", "pre_norm", "dropout", "family", "activation", "p")
        if other % 3:  # with what its optimizer remembers, if not its rate's
            shape += ("optimizer", "schedule") if other % 3 == 1 else ("optimizer",)
        self.waiting[0] = seed, {**config, **{key: their[key] for key in shape if key in their}}
        source.save(self.folder / "checkpoint")
        _, plain, config = self.join(0, 0, self.folder / "checkpoint")
        begun = theirs.optimizer.state_dict()["state"]
        plain.take_over(theirs)
        if plain.kind == theirs.kind and begun:
            begin_what_is_missing(plain)


def begin_what_is_missing(plain):
    """torch wants all states to be there as soon as there is one; with zeros, as they begin."""
    options = plain.full["optimizer"]
    for p in plain.params:
        state = plain.optimizer.state[p]
        for option, key in (
            ("momentum", "momentum_buffer"),
            ("centered", "grad_avg"),
            ("amsgrad", "max_exp_avg_sq"),
        ):
            if options.get(option) and state.get(key) is None and plain.kind != "sgd":
                state[key] = torch.zeros_like(p)


# The same examples each time; a failing one is told with its history.
law = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def many(count):
    return settings(law, max_examples=count)


def live_mlps(recipe, folder, trials, history):
    shared = recipe("sklearn:wine", dtype="float64", epochs=EPOCHS)
    Life(shared, mlp, trials, folder).live(history)


def live_modules(recipe, folder, trials, history):
    shared = recipe(
        "sklearn:wine", dtype="float64", model="own.py:build", callable=own, epochs=EPOCHS
    )
    Life(shared, own, trials, folder).live(history)


@many(25)
@given(neighbours(configs(), 6), histories)
def test_networks_through_a_few_random_histories(recipe, tmp_path, trials, history):
    live_mlps(recipe, tmp_path, trials, history)


@many(15)
@given(neighbours(modules(), 6), histories)
def test_modules_through_a_few_random_histories(recipe, tmp_path, trials, history):
    live_modules(recipe, tmp_path, trials, history)


@pytest.mark.long
@many(100)
@given(neighbours(configs(), 6), histories)
def test_networks_through_random_histories(recipe, tmp_path, trials, history):
    live_mlps(recipe, tmp_path, trials, history)


@pytest.mark.long
@many(60)
@given(neighbours(modules(), 6), histories)
def test_modules_through_random_histories(recipe, tmp_path, trials, history):
    live_modules(recipe, tmp_path, trials, history)


@pytest.mark.night
@many(300)
@given(neighbours(configs(), 9), histories)
def test_networks_through_many_random_histories(recipe, tmp_path, trials, history):
    live_mlps(recipe, tmp_path, trials, history)


@pytest.mark.night
@many(200)
@given(neighbours(modules(), 9), histories)
def test_modules_through_many_random_histories(recipe, tmp_path, trials, history):
    live_modules(recipe, tmp_path, trials, history)


# --- on a GPU ------------------------------------------------------------------------------------


@needs_gpu
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_every_optimizer_on_a_gpu(recipe, name):
    shared = recipe("sklearn:wine", dtype="float64", device="cuda", epochs=EPOCHS)
    trials = [
        {"hidden": [12 - n % 2], "optimizer": {"name": name, **options}, "dropout": 0.2,
         "activation": "sigmoid", "norm": "layer", "clip_norm": 0.5, "l1": 1e-4, "batch_size": 32}
        for n, options in enumerate(OPTIONS[name])
    ]  # fmt: skip
    check_together(shared, mlp, trials)


@needs_gpu
@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_module_on_a_gpu(recipe, family):
    shared = recipe(
        "sklearn:wine", dtype="float64", device="cuda", model="own.py:build", callable=own, epochs=2
    )
    trials = [
        {"family": family, "p": p, "optimizer": name, "lr": 0.01, "batch_size": 40}
        for name, p in (("sgd", 0.3), ("adam", 0.0), ("nadam", 0.5))
    ]
    check_together(shared, own, trials, until=2)
