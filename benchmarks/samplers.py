"""Lanewise's TPE beside Optuna's and random search, on functions that cost nothing.

    python benchmarks/samplers.py [--seeds 20] [--trials 100] [--batch 32]

Each sampler minimises each function with the same seeds, asked for one configuration at a time,
and for a batch of them side by side. The first table shows the medians of the best values, and
for Lanewise's TPE how often a run of it beats a run of Optuna's (all pairs; equal ones count
half). The second shows the milliseconds of a suggestion in a space of 8 parameters with 100, 300
and 1,000 finished trials: the median of single ones, each after one more finished trial, and the
mean of 32 in a row.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

from comparison.machine import machine
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.samplers import make_sampler
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Int, Repeat, Space

Config = Mapping[str, Any]
Function = Callable[[Config], float]

OURS, OPTUNAS = "tpe", "optuna:tpe"
SAMPLERS = ("random", OPTUNAS, OURS)
SIZES = (100, 300, 1000)
WIDE = Space(
    {
        **{f"x{i}": Float(0, 1) for i in range(4)},
        "lr": Float(1e-4, 1e-1, log=True),
        "width": Int(16, 128, log=True),
        "layers": Int(1, 8),
        "activation": Choice(["relu", "tanh", "gelu"]),
    }
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--seeds", type=int, default=20)
    arguments.add_argument("--trials", type=int, default=100)
    arguments.add_argument("--batch", type=int, default=32)
    asked = arguments.parse_args()
    print(f"| function | asked at a time | {' | '.join(SAMPLERS)} | {OURS} better |")
    print("|---" * (len(SAMPLERS) + 3) + "|")
    shares = []
    for batch, name in product((1, asked.batch), FUNCTIONS):
        found = {s: bests(s, name, range(asked.seeds), asked.trials, batch) for s in SAMPLERS}
        shares.append(share_better(found[OURS], found[OPTUNAS]))
        medians = " | ".join(f"{statistics.median(values):.4g}" for values in found.values())
        print(f"| {name} | {batch} | {medians} | {shares[-1]:.0%} |", flush=True)
    print(f"\nmean: {OURS} better than {OPTUNAS} in {statistics.mean(shares):.1%} of pairs\n")
    print(f"| finished trials | {' | '.join(f'{s} single | 32 in a row' for s in SAMPLERS)} |")
    print("|---" * (2 * len(SAMPLERS) + 1) + "|")
    for size in SIZES:
        costs = " | ".join(f"{cost:.2f}" for name in SAMPLERS for cost in milliseconds(name, size))
        print(f"| {size} | {costs} |", flush=True)
    print(f"\n{asked.trials} trials, {asked.seeds} seeds; {machine()}")


def bests(
    sampler: str, function: str, seeds: Sequence[int], trials: int, batch: int
) -> list[float]:
    """The best value that a sampler found, for each seed."""
    return [best(sampler, function, seed, trials, batch) for seed in seeds]


def best(sampler: str, function: str, seed: int, trials: int, batch: int) -> float:
    space, value = FUNCTIONS[function]
    sweep = begun(space, sampler, trials, seed)
    while len(sweep.history) < trials:
        runs = [sweep.ask() for _ in range(min(batch, trials - len(sweep.history)))]
        for run in runs:
            assert isinstance(run, Run)
            sweep.report(run.number, [(1, {"value": value(run.params)})])
    top = sweep.history.best
    assert top is not None
    assert top.best is not None
    return top.best[1]


def begun(space: Space, sampler: str, trials: int, seed: int) -> Sweep:
    budget = Budget(epochs=1, trials=trials)
    return make_sweep(Spec(space, (Objective("value", "min"),), budget, Plugin(sampler), seed=seed))


def share_better(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The share of pairs in which the first is lower; equal pairs count half."""
    points = sum((a < b) + 0.5 * (a == b) for a, b in product(ours, theirs))
    return points / (len(ours) * len(theirs))


def milliseconds(sampler: str, size: int) -> tuple[float, float]:
    """Of one suggestion behind ``size`` finished trials: a single one, and one of 32 in a row."""
    sweep = begun(WIDE, "random", 10**6, seed=1)
    finish(sweep, size)
    sweep.sampler = make_sampler(begun(WIDE, sampler, 10**6, seed=1).spec)
    singles = []
    for _ in range(12):
        before = time.perf_counter()
        sweep.ask()
        singles.append(time.perf_counter() - before)
        finish(sweep, 0)
    before = time.perf_counter()
    for _ in range(32):
        sweep.ask()
    row = (time.perf_counter() - before) / 32
    return 1000 * statistics.median(singles[2:]), 1000 * row  # the first ones read the history


def finish(sweep: Sweep, count: int) -> None:
    """Asks for that many trials, and ends all that run."""
    for _ in range(count):
        sweep.ask()
    for trial in sweep.history.running:
        sweep.report(trial.number, [(1, {"value": trial.params["x0"] + trial.params["x1"]})])


# -- the functions: each is 0 at its minimum ------------------------------------------------------


def sphere(params: Config) -> float:
    return sum((params[f"x{i}"] - 0.3 * i) ** 2 for i in range(8))


def branin(params: Config) -> float:
    x, y = params["x"], params["y"]
    valley = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def rosenbrock(params: Config) -> float:
    x = [params[f"x{i}"] for i in range(4)]
    return math.log1p(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x)))


def training(params: Config) -> float:
    """As a network's loss may be: the best learning rate depends on the optimizer."""
    name, lr = params["optimizer"]["name"], math.log10(params["lr"])
    momentum = params["optimizer"].get("momentum", 0.9)
    best_lr = {"sgd": -1.3 - 0.7 * momentum, "adam": -2.7, "rmsprop": -3.0}[name]
    loss = 0.5 * (lr - best_lr) ** 2 + {"sgd": 0.15, "adam": 0.0, "rmsprop": 0.1}[name]
    hidden = params["hidden"]
    loss += 0.4 * (momentum - 0.9) ** 2 + {1: 0.2, 2: 0.0, 3: 0.1}[len(hidden)]
    loss += 0.1 * sum((math.log2(width) - 6.2) ** 2 for width in hidden) / len(hidden)
    loss += {"relu": 0.0, "tanh": 0.15, "gelu": 0.05}[params["activation"]]
    return loss + 2 * (params["dropout"] - 0.2) ** 2 + 0.02 * (math.log10(params["l2"]) + 4) ** 2


def branches(params: Config) -> float:
    """Three kinds of model with parameters of their own, and a shared one that depends on them."""
    match params["model"]:
        case {"name": "smooth", "x": x, "y": y}:
            value, shared = 0.1 + abs(x - 0.15) + 3 * (y - 0.8) ** 2, 0.2
        case {"name": "scaled", "k": k, "z": z}:
            value, shared = 0.3 * abs(math.log(k / 37)) + 0.1 * abs(math.log10(z) - 1.7), 0.7
        case other:
            value, shared = 0.3 + 0.05 * abs(other["word"] - 7), 0.5
    return value + (params["shared"] - shared) ** 2


def integers(params: Config) -> float:
    steps = sum(abs(params[f"n{i}"] - (3 + 5 * i)) / 20 for i in range(4))
    return steps + abs(math.log10(params["m"] / 50)) + (params["q"] - 0.7) ** 2


def categories(params: Config) -> float:
    right = (1, 4, 2, 0, 5, 3)
    words = ("abcdef".index(params[f"c{i}"]) for i in range(6))
    wrong = sum(math.sqrt(abs(word - best)) for word, best in zip(words, right, strict=True))
    return wrong + (params["x"] - 0.6) ** 2


FUNCTIONS: dict[str, tuple[Space, Function]] = {
    "sphere": (Space({f"x{i}": Float(-5, 5) for i in range(8)}), sphere),
    "branin": (Space({"x": Float(-5, 10), "y": Float(0, 15)}), branin),
    "rosenbrock": (Space({f"x{i}": Float(-2, 2) for i in range(4)}), rosenbrock),
    "training": (
        Space(
            {
                "hidden": Repeat(Int(16, 128, log=True), times=(1, 3)),
                "activation": Choice(["relu", "tanh", "gelu"]),
                "dropout": Float(0.0, 0.5),
                "l2": Float(1e-6, 1e-2, log=True),
                "lr": Float(1e-4, 1e-1, log=True),
                "optimizer": Choice([{"sgd": {"momentum": Float(0.0, 0.99)}}, "adam", "rmsprop"]),
            }
        ),
        training,
    ),
    "branches": (
        Space(
            {
                "model": Choice(
                    [
                        {"smooth": {"x": Float(0, 1), "y": Float(0, 1)}},
                        {"scaled": {"k": Int(1, 100, log=True), "z": Float(1e-3, 1e3, log=True)}},
                        {"listed": {"word": Choice(list(range(12)))}},
                    ]
                ),
                "shared": Float(0, 1),
            }
        ),
        branches,
    ),
    "integers": (
        Space(
            {
                **{f"n{i}": Int(0, 20) for i in range(4)},
                "m": Int(1, 1000, log=True),
                "q": Float(0, 2, step=0.1),
            }
        ),
        integers,
    ),
    "categories": (
        Space({**{f"c{i}": Choice(list("abcdef")) for i in range(6)}, "x": Float(0, 1)}),
        categories,
    ),
}


if __name__ == "__main__":
    main()
