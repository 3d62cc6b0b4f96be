"""What `best --verify` wins back of what choosing the best validation score loses.

    python benchmarks/honesty.py --verify [--tasks table,image,text] [--repeats 400]

A sweep is 200 of a workload's recorded configurations (`curves/`), each seen as one of its three
recorded trainings; the trial with the best validation score of any epoch is the naive choice. The
ten best are trained again, as `--verify` does it: 5 fresh seeds × 5 fresh folds of the rows outside
the test part, scored at the epoch that was their best; the best mean is the verified choice. Each
configuration is trained once, whatever sweeps it is among the best of, and kept in build/verified/,
so that what was interrupted goes on.

What a choice loses: the test metric of the sweep's truly best trial minus that of the choice, each
the mean of the three recorded trainings. The rows of the test part are in no fold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curves.recorded import FOLDER, load
from lanewise.plan import make_plan
from lanewise.sweepfile import read
from lanewise.trainables.packs.pool import Pool

TRIALS, TOP, SEEDS, FOLDS = 200, 10, 5, 5
TOGETHER = 4  # configurations that train at a time, each as SEEDS · FOLDS lanes
KEPT = Path(__file__).parent.parent / "build" / "verified"

Values = npt.NDArray[np.float64]


class Workload:
    """Recorded curves as utilities, of which more is better: [configuration, seed, epoch]."""

    def __init__(self, name: str) -> None:
        self.name, self.curves = name, load(name)
        sign = 1.0 if self.curves.mode == "max" else -1.0
        self.val = np.nan_to_num(sign * self.curves.val, nan=-np.inf)
        self.test = np.nan_to_num(sign * self.curves.test, nan=-1e9)
        self.sign = sign
        self.path = KEPT / f"{name}.json"
        kept = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.again: dict[int, list[float]] = {int(key): values for key, values in kept.items()}

    def sweep(self, number: int) -> tuple[Values, int, npt.NDArray[np.int64]]:
        """The configurations of a sweep, best validation score first; its seed; best epochs."""
        rng = np.random.default_rng([17, number])
        chosen, seed = rng.choice(len(self.val), TRIALS, replace=False), number % 3
        val = self.val[chosen, seed]
        order = np.argsort(-val.max(1), kind="stable")
        return chosen[order], seed, val.argmax(1)[order]

    def train(self, numbers: Sequence[int]) -> None:
        """The mean over replicas of each configuration's metric after each epoch, kept on disk."""
        left = [number for number in numbers if number not in self.again]
        for first in range(0, len(left), TOGETHER):
            some = left[first : first + TOGETHER]
            for number, curve in zip(some, self._trained(some), strict=True):
                self.again[number] = curve
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.again))
            print(f"{self.name}: {first + len(some)} of {len(left)}", flush=True)

    def _trained(self, numbers: Sequence[int]) -> Iterator[list[float]]:
        file = read(FOLDER / f"{self.name}.yaml")
        data = file.data.model_copy(update={"test_seed": file.seed}) if file.data else None
        more: dict[str, Any] = {"folds": FOLDS, "seeds": SEEDS, "seed": file.seed + 1, "data": data}
        recipe = make_plan(file.model_copy(update=more), FOLDER).recipe()
        pool = Pool(replace(recipe, threads=1, resampled=None), force_packing=True)
        members = [pool.open(self.curves.params[n], 1_000_000 + n) for n in numbers]
        for member in members:
            member.until = recipe.epochs
        while pool.due():
            pool.turn()
        for member in members:
            yield [self.sign * metrics[recipe.monitor] for _, metrics in member.rows]

    def losses(self, number: int) -> tuple[float, float]:
        """What the naive and the verified choice of a sweep lose."""
        chosen, _, epochs = self.sweep(number)
        truth = self.test[chosen].mean(1)[np.arange(TRIALS), epochs]
        means = [self.again[int(n)][epochs[k]] for k, n in enumerate(chosen[:TOP])]
        best = truth.max()
        return float(best - truth[0]), float(best - truth[int(np.argmax(means))])


def table(names: Sequence[str], repeats: int) -> Iterator[tuple[str, ...]]:
    """A row for each workload."""
    for name in names:
        work = Workload(name)
        needed = {int(n) for number in range(repeats) for n in work.sweep(number)[0][:TOP]}
        work.train(sorted(needed))
        naive, verified = np.array([work.losses(number) for number in range(repeats)]).T
        yield (
            name,
            str(len(needed)),
            f"{naive.mean():.4f}",
            f"{verified.mean():.4f}",
            f"{1 - verified.mean() / naive.mean():.0%}",
            f"{(verified < naive).mean():.0%}",
            f"{(verified > naive).mean():.0%}",
        )


HEADS = (
    "workload",
    "configurations trained again",
    "naive loses",
    "verified loses",
    "won back",
    "better",
    "worse",
)
