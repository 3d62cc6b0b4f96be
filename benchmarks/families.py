"""Each family of networks beside a plain PyTorch loop: lane-steps per second on one thread.

    python benchmarks/families.py [--turns 5] [--lanes 32] [--only cnn,lstm]

Three take turns, an epoch each; a step is one mini-batch of one network:

    loop   what a person writes: the same module (a Transformer of nn.TransformerEncoder) and the
           penalties that it adds to the loss, torch.optim.Adam, a permutation and slices of it
    solo   a trial of Lanewise alone: its streams, keeping the best weights, its metrics
    pack   so many lanes of one worker's pool, of different rates and seeds

An epoch is training *and* an evaluation of the validation rows, for all. Rates are of CPU time;
tables show medians over the turns of rates and of the ratios within a turn; a first turn is not
counted. "alone" are the lanes that did not train in a pack.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from packs import take_turns
from torch import Tensor, nn

from comparison.machine import machine, versions
from comparison.table import shown
from lanewise.trainables.config import complete
from lanewise.trainables.data.dataset import Fold, Prepared
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.metrics.losses import make_loss
from lanewise.trainables.metrics.names import complete_loss
from lanewise.trainables.models import MODELS
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.draws import draws_of
from lanewise.trainables.training.penalties import Term
from lanewise.trainables.training.unit import build_module
from lanewise.trainables.trial import open_trial

LR = 1e-3


@dataclass(frozen=True)
class Family:
    """A network and data of a shape that it takes.

    rows: to train on; ids: how many there are; plain: what a person would write instead of the
    same module.
    """

    model: str
    config: Mapping[str, Any]
    shape: tuple[int, ...]
    task: str = "multiclass"
    rows: int = 960
    ids: tuple[int, ...] = ()
    batch: int = 32
    plain: Callable[[Mapping[str, Any], Info], nn.Module] | None = None


class PlainTransformer(nn.Module):
    """The model `transformer` of torch's own encoder, without dropout in the attention as there."""

    def __init__(self, config: Mapping[str, Any], info: Info) -> None:
        super().__init__()
        width = config["width"]
        self.into = nn.Linear(info.input_shape[1], width)
        self.places = nn.Parameter(torch.randn(info.input_shape[0], width))
        layer = nn.TransformerEncoderLayer(
            width,
            config["heads"],
            int(width * config["ratio"]),
            config["dropout"],
            config["activation"],
            batch_first=True,
            norm_first=True,
        )
        layer.self_attn.dropout = 0.0
        norm = nn.LayerNorm(width)
        self.encoder = nn.TransformerEncoder(
            layer, config["layers"], norm, enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(config["dropout"])
        self.head = nn.Linear(width, info.outputs)

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.encoder(self.dropout(self.into(x) + self.places))
        found: Tensor = self.head(states.mean(1))
        return found


_SMALL = {"channels": [8, 16], "norm": None}
_ENCODER = {"layers": 2, "width": 32, "heads": 4, "ratio": 2, "dropout": 0.0}
_CODE = {"hidden": [32], "code": 8}
FAMILIES: dict[str, Family] = {
    "mlp 64-32-32-10": Family("mlp", {"hidden": [32, 32]}, (64,)),
    "cnn 1-8-16, 8 × 8": Family("cnn", _SMALL, (1, 8, 8)),
    "cnn 1-8-16, 8 × 8, batch norm": Family("cnn", {"channels": [8, 16]}, (1, 8, 8)),
    "cnn 1-8-16, 28 × 28": Family("cnn", _SMALL, (1, 28, 28), rows=480),
    "rnn 32, 8 steps": Family("rnn", {"hidden": [32]}, (8, 8)),
    "gru 32, 8 steps": Family("gru", {"hidden": [32]}, (8, 8)),
    "lstm 32, 8 steps": Family("lstm", {"hidden": [32]}, (8, 8)),
    "lstm 128, 8 steps": Family("lstm", {"hidden": [128]}, (8, 8)),
    "transformer 2 × 16, 8 steps": Family(
        "transformer", {**_ENCODER, "width": 16, "heads": 2}, (8, 8), plain=PlainTransformer
    ),
    "transformer 2 × 32, 8 steps": Family("transformer", _ENCODER, (8, 8), plain=PlainTransformer),
    "transformer 2 × 32, 16 steps": Family(
        "transformer", _ENCODER, (16, 8), plain=PlainTransformer
    ),
    "transformer, 16 steps, dropout 0.1": Family(
        "transformer", {**_ENCODER, "dropout": 0.1}, (16, 8), plain=PlainTransformer
    ),
    "text, bag of 32 tokens": Family("text", {"encoder": "bag"}, (32,), ids=(1000,)),
    "autoencoder 64-32-8": Family("autoencoder", _CODE, (64,), "reconstruction"),
    "autoencoder, variational": Family(
        "autoencoder", {**_CODE, "kl": 1.0}, (64,), "reconstruction"
    ),
    "autoencoder 1-8-16, 8 × 8": Family(
        "autoencoder", {"channels": [8, 16], "code": 8}, (1, 8, 8), "reconstruction"
    ),
    "recommender 16": Family("recommender", {}, (2,), "regression", ids=(500, 300)),
}


def recipe(family: Family) -> Recipe:
    """Numbers without a meaning: what they are has no part in how long steps take."""
    rng = np.random.default_rng(0)
    count = family.rows * 4 // 3
    form = {1: "table", 2: "sequence", 3: "image"}[len(family.shape)]
    x = rng.normal(size=(count, *family.shape)).astype(np.float32)
    if family.ids:
        form = "ids" if len(family.ids) > 1 else "text"
        most = family.ids if len(family.ids) > 1 else family.ids * family.shape[0]
        x = np.stack([rng.integers(1, n, count) for n in most], 1)
    y, outputs = rng.integers(0, 10, count), 10
    if family.task == "regression":
        y, outputs = rng.normal(size=count).astype(np.float32), 1
    if family.task == "reconstruction":
        y, outputs = x.reshape(count, -1), math.prod(family.shape)
    vocabulary = family.ids if len(family.ids) > 1 else family.ids[0] if family.ids else None
    classes = tuple(range(10)) if family.task == "multiclass" else None
    info = Info(family.task, family.shape, outputs, classes, vocabulary, form)
    plain = Scaling(family.shape, (0.0,), (1.0,))
    fold = Fold(x[: family.rows], y[: family.rows], x[family.rows :], y[family.rows :], plain)
    made = Prepared((fold,), info, {}, None)
    return Recipe(model=family.model, prepared=made, monitor="val_loss", threads=1)


class Loop:
    """A plain training of the family's module."""

    def __init__(self, family: Family, shared: Recipe) -> None:
        assert shared.prepared is not None
        info, (fold, *_) = shared.prepared.info, shared.prepared.folds
        full = complete(family.model, {**family.config, "batch_size": family.batch})
        build = family.plain or MODELS[family.model].builder
        self.module = build_module(build, full, info, seed=0, device="cpu", dtype="float32")
        self.x, self.y, self.x_val, self.y_val = (
            torch.from_numpy(np.asarray(array))
            for array in (fold.x_train, fold.y_train, fold.x_val, fold.y_val)
        )
        self.batch = family.batch
        self.loss = make_loss(complete_loss(None, family.task), family.task)
        draws_of(self.module).generator = np.random.Generator(np.random.SFC64(0))
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=LR)
        self.penalties: list[Tensor] = []
        for layer in self.module.modules():
            if isinstance(layer, Term):
                layer.register_forward_hook(self._penalty(layer))

    def _penalty(self, layer: Term) -> Callable[[nn.Module, Any, Tensor], None]:
        """What a person writes into `forward`: in training a weight times what a value gives."""
        weight = float(layer.weight)

        def add(_: nn.Module, inputs: Any, output: Tensor) -> None:
            if layer.training:
                self.penalties.append(weight * layer.value(output))

        return add

    def epoch(self) -> int:
        self.module.train()
        order = torch.randperm(len(self.x))
        for rows in order.split(self.batch):
            self.optimizer.zero_grad()
            self.penalties.clear()
            loss: Tensor = self.loss(self.module(self.x[rows]), self.y[rows])
            loss = sum(self.penalties, loss)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self.module.eval()
        with torch.no_grad():
            self.loss(self.module(self.x_val), self.y_val).item()
        return 1


class Packed:
    """Lanes of a pool."""

    def __init__(self, family: Family, shared: Recipe, lanes: int) -> None:
        self.pool = Pool(shared, lanes=lanes, force_packing=True)
        config = {**family.config, "batch_size": family.batch}
        self.members = [
            self.pool.open({**config, "lr": LR * (1 + seed % 7 / 7)}, seed) for seed in range(lanes)
        ]

    @property
    def alone(self) -> int:
        return sum(bool(member.alone) for member in self.members)

    def epoch(self) -> int:
        for member in self.members:
            member.until = member.epoch + 1
        while self.pool.due():
            self.pool.turn()
        for member in self.members:
            if member.error is not None:
                raise member.error
        return len(self.members)


def rows(names: Sequence[str], lanes: int, turns: int) -> Iterator[str]:
    yield "| network | loop, steps/s | solo | pack | solo/loop | pack/loop | pack/solo | alone |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names:
        yield row(name, FAMILIES[name], lanes, turns)


def row(name: str, family: Family, lanes: int, turns: int) -> str:
    shared = recipe(family)
    assert shared.prepared is not None
    steps = -(-len(shared.prepared.folds[0].x_train) // family.batch)
    trial = open_trial(shared, {**family.config, "batch_size": family.batch, "lr": LR}, 0)
    loop, packed = Loop(family, shared), Packed(family, shared, lanes)

    def solo() -> int:
        trial.advance(trial.epoch + 1)
        return 1

    rates = take_turns({"loop": loop.epoch, "solo": solo, "pack": packed.epoch}, turns)
    medians = [f"{steps * statistics.median(found):.0f}" for found in rates.values()]
    pairs = (("solo", "loop"), ("pack", "loop"), ("pack", "solo"))
    found = [
        shown([a / b for a, b in zip(rates[one], rates[other], strict=True)])
        for one, other in pairs
    ]
    return f"| {name} | " + " | ".join([*medians, *found, str(packed.alone)]) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--lanes", type=int, default=32)
    parser.add_argument("--only", default="", help="names, or what they begin with")
    asked = parser.parse_args(arguments)
    wanted = tuple(asked.only.split(","))
    torch.set_num_threads(1)
    names = [name for name in FAMILIES if name.startswith(wanted)]
    for line in rows(names, asked.lanes, asked.turns):
        print(line, flush=True)
    print(f"\nCPU time, one thread, {asked.lanes} lanes; median of {asked.turns} turns; ", end="")
    print(f"{machine()}; {versions()}.")


if __name__ == "__main__":
    main()
