"""A scrambled Sobol sequence: points that fill a space more evenly than random ones do.

Sobol 1967, scrambled as in Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998; for
hyperparameters see Bergstra and Bengio, JMLR 13, 2012, section 5.
"""

# ruff: noqa: N806 (shapes in names)

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lanewise.search.core.events import Params
from lanewise.search.core.history import History
from lanewise.search.core.seeds import generator
from lanewise.search.samplers.columns import Columns, Floats
from lanewise.spaces import Space

if TYPE_CHECKING:
    from scipy.stats import qmc


class Sobol:
    """A scrambled Sobol sequence: fills the space evenly; best for a power of two of trials.

    A trial is the point of its number. Each parameter has a dimension of its own, whether it is
    active or not, and takes the quantile there: an option of a choice is as likely as the others.
    """

    is_adaptive, is_finite = False, False

    def __init__(self, space: Space, seed: int) -> None:
        self.seed = seed
        self._columns = Columns(space)

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        return [self._columns.config(self._row(number)) for number in numbers]

    def _row(self, number: int) -> Floats:
        row = np.full(len(self._columns), np.nan)
        if len(row):
            point_D = self._point(number)
            for group in self._columns.groups:
                if self._columns.is_active(group, row):
                    for d in group.places:
                        row[d] = self._columns.all[d].quantile(float(point_D[d]))
        return row

    def _point(self, number: int) -> Floats:
        """The point of that index. The sequence's position is a memo: it can go anywhere."""
        if self._sequence.num_generated > number:
            self._sequence.reset()
        if self._sequence.num_generated < number:
            self._sequence.fast_forward(number - self._sequence.num_generated)
        point_D: Floats = self._sequence.random(1)[0]
        return point_D

    @cached_property
    def _sequence(self) -> qmc.Sobol:
        from scipy.stats import qmc  # takes a second

        return qmc.Sobol(len(self._columns), scramble=True, seed=generator(self.seed))
