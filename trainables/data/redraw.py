"""Training and validation parts that are drawn anew for each trial, from the same rows.

Nagler et al., "Reshuffling resampling splits can improve generalization of hyperparameter
optimization", NeurIPS 2024 (arXiv 2405.15393). The test part is what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lanewise.trainables.data.inputs import Inputs, Reading, as_wide_as, fit
from lanewise.trainables.data.split import Pairs, Split, split_rows, without_test
from lanewise.trainables.data.table import Array, Rows
from lanewise.trainables.data.targets import Targets


@dataclass(frozen=True, eq=False)
class Redraw:
    """All rows but those of the test part, and how they are dealt.

    codes: of the strata, [rows]; None for none.
    like: what was learned from all of these rows; only its width is used, so that the inputs of
        all trials have one shape.
    """

    table: Rows
    codes: Array | None
    split: tuple[float, ...]
    folds: int
    targets: Targets
    reading: Reading
    like: Inputs

    @classmethod
    def of(
        cls,
        table: Rows,
        parts: Split,
        codes: Array | None,
        split: Sequence[float],
        targets: Targets,
        reading: Reading,
    ) -> Redraw:
        """For a table that was split so."""
        kept = np.union1d(*parts.folds[0])
        rows = table.take(kept)
        own_codes = None if codes is None else codes[kept]
        like = fit(rows, reading, regression=targets.is_scaled)
        share = without_test(split)
        return cls(rows, own_codes, share, len(parts.folds), targets, reading, like)

    def draw(self, seed: int) -> Pairs:
        """The row numbers of training and validation parts, a pair for each fold."""
        groups = self.table.groups
        parts = split_rows(
            len(self.table),
            self.codes,
            split=self.split,
            folds=self.folds,
            seed=seed,
            groups=None if groups is None else groups.values,
        )
        learned = self.targets.to_learn_from
        return tuple((learned(self.table, train), val) for train, val in parts.folds)

    def fit(self, rows: Rows) -> Inputs:
        """What is learned from training rows, as wide as in every trial."""
        return as_wide_as(fit(rows, self.reading, regression=self.targets.is_scaled), self.like)
