"""Packs beside a plain PyTorch loop: lane-epochs per second of CPU time, on one thread.

    python benchmarks/packs.py [--turns 5] [--lanes 8,32,64] [--sizes 32x32,128x32,128x128]
        [--only uniform,mixed,variants,seating]

All train *digits-mlp* (`digits_mlp/`: 64-width-width-10, 1,200 rows) by Adam without dropout, if
nothing else is said; a size is width x batch. These take turns:

    pack      one epoch of so many lanes of Lanewise's pool, of different rates and seeds
    default   the plain loop of the comparison's peers with torch's default Adam: the bar
    fused     the same loop with torch's fused Adam, as far as torch has it fused

An epoch is training *and* evaluation on the 597 validation rows, for all; of Lanewise it is also
the lanes' random streams and keeping the best weights. Tables show medians over the turns of the
rates, and of the ratios within a turn; a first turn is not counted.

    uniform   every size with every number of lanes
    variants  with dropout, with norms, each against the plain loop with the same; these and the
              next ones with 32 lanes, or the most of --lanes if that is less
    mixed     lanes of mixed widths (of a bucket: 26 to 32, 105 to 128), of mixed optimizers, and of
              both, as a share of the uniform pack's rate: its lanes all have the size's width
    seating   CPU time to seat and to drop a lane while the others stay: the calls themselves, and
              all that replacing half of the lanes adds to an epoch

"packs" is the number of groups that took turns, "alone" the lanes that did not train in a pack.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from comparison.machine import machine, versions
from comparison.table import shown
from digits_mlp import ours
from digits_mlp.training import Training, tensors
from digits_mlp.workload import OPTIMIZERS, parts
from lanewise.trainables.packs.pool import Member, Pool
from lanewise.trainables.recipe import Recipe

PLAIN = {"lr": 1e-3, "l2": 1e-4, "dropout": 0.0, "optimizer": "adam"}
VARIANTS: dict[str, dict[str, Any]] = {
    "dropout 0.2": {"dropout": 0.2},
    "batch norm": {"norm": "batch"},
    "layer norm": {"norm": "layer"},
    "batch norm, dropout 0.2": {"norm": "batch", "dropout": 0.2},
}
NARROWEST = 0.82  # of a mixed pack's widths: within 1.5 times the parameters
MOST = 32  # lanes of the packs that are mixed, varied, or seated in
KINDS = ("uniform", "variants", "mixed", "seating")

Config = dict[str, Any]
_Result = TypeVar("_Result")


class Size(NamedTuple):
    width: int
    batch: int

    @property
    def config(self) -> Config:
        return {**PLAIN, "width": self.width, "batch": self.batch}

    def __str__(self) -> str:
        return f"{self.width} × {self.batch}"


SIZES = (Size(32, 32), Size(128, 32), Size(128, 128))


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    lanes = min(MOST, max(asked.lanes))
    with tempfile.TemporaryDirectory() as folder:
        recipe = ours.plan(Path(folder)).recipe()
    tables: dict[str, Callable[[], Iterator[str]]] = {
        "uniform": lambda: uniform(recipe, asked.sizes, asked.lanes, asked.turns),
        "variants": lambda: variants(recipe, asked.sizes, lanes, asked.turns),
        "mixed": lambda: mixed(recipe, asked.sizes, lanes, asked.turns),
        "seating": lambda: seating(recipe, asked.sizes, lanes, asked.turns),
    }
    for kind in asked.only:
        for line in tables[kind]():
            print(line, flush=True)
        print()
    print(f"CPU time, one thread; median of {asked.turns} turns; {machine()}; {versions()}.")


# -- tables ------------------------------------------------------------------------------------

AGAINST_THE_LOOP = (
    "| {0} | lanes | lane-epochs/s | plain loop: default | fused | times default | times fused "
    "| packs | alone |\n|---|---|---|---|---|---|---|---|---|"
)


def uniform(
    recipe: Recipe, sizes: Iterable[Size], counts: Iterable[int], turns: int
) -> Iterator[str]:
    yield AGAINST_THE_LOOP.format("width × batch")
    for size in sizes:
        for lanes in counts:
            yield against_the_loop(recipe, str(size), size.config, lanes, turns)


def variants(recipe: Recipe, sizes: Iterable[Size], lanes: int, turns: int) -> Iterator[str]:
    yield AGAINST_THE_LOOP.format("width × batch, with")
    for size in sizes:
        for name, more in VARIANTS.items():
            yield against_the_loop(recipe, f"{size}, {name}", {**size.config, **more}, lanes, turns)


def against_the_loop(recipe: Recipe, label: str, config: Config, lanes: int, turns: int) -> str:
    pack, data = Pack(recipe, [config] * lanes), tensors(parts())
    rates = take_turns(
        {
            "pack": pack.epoch,
            "default": loop(Training(config, data)),
            "fused": loop(Training(config, data, fused=True)),
        },
        turns,
    )
    cells = [
        label,
        f"{lanes}",
        *(f"{statistics.median(found):.1f}" for found in rates.values()),
        *(shown(ratios(rates["pack"], rates[name])) for name in ("default", "fused")),
        f"{pack.groups}",
        f"{pack.alone}",
    ]
    pack.close()
    return "| " + " | ".join(cells) + " |"


def mixed(recipe: Recipe, sizes: Iterable[Size], lanes: int, turns: int) -> Iterator[str]:
    kinds = {
        "uniform": {},
        "widths": {"width": None},
        "optimizers": {"optimizer": OPTIMIZERS},
        "both": {"width": None, "optimizer": OPTIMIZERS},
    }
    yield (
        f"| {lanes} lanes, width × batch | lane-epochs/s | "
        + " | ".join(f"mixed {kind}: share | packs | alone" for kind in kinds if kind != "uniform")
        + " |"
    )
    yield "|---|---|" + "---|" * 3 * (len(kinds) - 1)
    for size in sizes:
        widths = spread_widths(size.width, lanes)
        packs = {
            kind: Pack(recipe, mix(size, {n: v or widths for n, v in varied.items()}, lanes))
            for kind, varied in kinds.items()
        }
        rates = take_turns({kind: pack.epoch for kind, pack in packs.items()}, turns)
        cells = [str(size), f"{statistics.median(rates['uniform']):.1f}"]
        for kind, pack in packs.items():
            if kind != "uniform":
                share = shown(ratios(rates[kind], rates["uniform"]))
                cells += [share, f"{pack.groups}", f"{pack.alone}"]
            pack.close()
        yield "| " + " | ".join(cells) + " |"


def seating(recipe: Recipe, sizes: Iterable[Size], lanes: int, turns: int) -> Iterator[str]:
    yield "| width × batch | lanes | µs to seat | µs to drop | µs a lane replaced, in all |"
    yield "|---|---|---|---|---|"
    for size in sizes:
        pack = Pack(recipe, [size.config] * lanes)
        for _ in range(2):  # a first epoch, and a first replacement
            pack.epoch()
            pack.replace(max(1, lanes // 2))
        found: list[tuple[float, float, float]] = []
        for _ in range(turns):
            pack.epoch()
            _, steady = clocked(pack.epoch)
            seat, drop, count = pack.replace(max(1, lanes // 2))
            _, after = clocked(pack.epoch)
            found.append((seat / count, drop / count, (seat + drop + after - steady) / count))
        pack.close()
        columns = (
            shown([1e6 * value for value in column], digits=0)
            for column in zip(*found, strict=True)
        )
        yield f"| {size} | {lanes} | " + " | ".join(columns) + " |"


# -- what is measured --------------------------------------------------------------------------


class Pack:
    """Lanes of a pool, of these configurations (in the peers' words) and seeds of their own."""

    def __init__(self, recipe: Recipe, configs: Sequence[Config]) -> None:
        self.pool = Pool(recipe, lanes=len(configs))
        self.configs = [ours.config(config) for config in configs]
        self.seeds = iter(range(10**9))
        self.members = [self.open(config) for config in self.configs]
        self.groups = 0  # that took turns in the last epoch

    @property
    def alone(self) -> int:
        return sum(bool(member.alone) for member in self.members)

    def open(self, config: Config) -> Member:
        seed = next(self.seeds)
        # A rate of its own, as lanes have; not so high that it diverges.
        return self.pool.open({**config, "lr": config["lr"] * (1 + seed % 7 / 7)}, seed)

    def epoch(self) -> int:
        """One more epoch of every lane; how many lanes that were."""
        for member in self.members:
            member.until = member.epoch + 1
        self.groups = 0
        while self.pool.due():
            self.pool.turn()
            self.groups += 1
        for member in self.members:
            if member.error is not None:
                raise member.error
        return len(self.members)

    def replace(self, count: int) -> tuple[float, float, int]:
        """Other lanes in the place of the first so many; CPU seconds to seat and to drop them."""
        leaving, staying = self.members[:count], self.members[count:]
        _, drop = clocked(lambda: [member.close() for member in leaving])
        configs = self.configs[:count]
        coming, seat = clocked(lambda: [self.open(config) for config in configs])
        self.members = [*staying, *coming]
        self.configs = [*self.configs[count:], *configs]
        return seat, drop, count

    def close(self) -> None:
        for member in self.members:
            member.close()


def loop(training: Training, epochs: int = 3) -> Callable[[], int]:
    """Some epochs of the plain loop, so that a turn is not too short to be measured."""

    def several() -> int:
        for _ in range(epochs):
            training.epoch()
        return epochs

    return several


def spread_widths(width: int, lanes: int) -> list[int]:
    """From the narrowest of the bucket to `width`, in no order of their own."""
    low = round(NARROWEST * width)
    step = 5  # coprime to the numbers of widths, 7 and 24: every width comes
    return [width - (step * lane) % (width - low + 1) for lane in range(lanes)]


def mix(size: Size, varied: Mapping[str, Sequence[Any]], lanes: int) -> list[Config]:
    """Configurations of a size, in which what varies goes round."""
    columns = {name: list(islice(cycle(values), lanes)) for name, values in varied.items()}
    return [
        {**size.config, **{name: column[lane] for name, column in columns.items()}}
        for lane in range(lanes)
    ]


def take_turns(work: Mapping[str, Callable[[], int]], turns: int) -> dict[str, list[float]]:
    """Lane-epochs per second of CPU time, turn by turn, in rotating order."""
    names = list(work)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(turns + 1):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            epochs, seconds = clocked(work[name])
            rates[name].append(epochs / seconds)
    return {name: found[1:] for name, found in rates.items()}


def clocked(work: Callable[[], _Result]) -> tuple[_Result, float]:
    """What it returns, and its seconds of CPU time."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(one, other, strict=True)]


# -- the command line --------------------------------------------------------------------------


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--lanes", type=numbers, default=(8, 32, 64))
    parser.add_argument("--sizes", type=sizes, default=SIZES)
    parser.add_argument("--only", type=kinds, default=KINDS)
    return parser.parse_args(arguments)


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def sizes(text: str) -> list[Size]:
    return [Size(*map(int, size.split("x"))) for size in text.split(",")]


def kinds(text: str) -> list[str]:
    asked = text.split(",")
    if unknown := sorted(set(asked) - set(KINDS)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(KINDS)}")
    return asked


if __name__ == "__main__":
    main()
