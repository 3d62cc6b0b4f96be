"""Rows that are arrays: pictures, sequences, and tables that memory does not hold.

N rows, C channels, T time steps, F features.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np

from lanewise.trainables.data.columns import Windows
from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.table import Array, Groups, Order, finished, taken
from lanewise.trainables.data.types import ColumnType

FORMS = {3: "image", 2: "sequence"}  # by the number of dimensions of a row
_FLAT = {1: "table"}


@dataclass(frozen=True, eq=False)
class Outlook:
    """What windows of series are compared with.

    naive: seasonal-naive forecasts of the target, [N, O].
    asked: how the windows were cut; notes: what people should know of the series.
    """

    naive: Array
    asked: Windows
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Block:
    """See `table.Rows`.

    x: numbers [N, C, H, W] (form "image"), [N, T, F] ("sequence") or [N, F] ("table"), NaN where
        missing.
    target: [N], or [N, O] where several values are foretold.
    columns: names of the F features of a sequence.
    outlook: of windows of series, whose target is what comes after them; None for other rows.
    notes, types: as of a `table.Table`.
    """

    x: Array | Mapped
    target: Array
    target_name: str = "target"
    columns: tuple[str, ...] = ()
    dropped: int = 0
    groups: Groups | None = None
    order: Order | None = None
    outlook: Outlook | None = None
    notes: tuple[str, ...] = ()
    types: tuple[ColumnType, ...] = ()

    @property
    def form(self) -> str:
        return {**FORMS, **_FLAT}[self.x.ndim - 1]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Array) -> Block:
        outlook = self.outlook and replace(self.outlook, naive=self.outlook.naive[rows])
        return replace(
            self,
            x=self.x.take(rows) if isinstance(self.x, Mapped) else self.x[rows],
            **taken(self, rows),
            outlook=outlook,
        )

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        about = [list(self.columns), self.target_name, str(self.x.dtype), list(self.x.shape)]
        digest.update(json.dumps(about).encode())
        for first in range(0, len(self), 4096):  # of a file that memory may not hold
            digest.update(np.ascontiguousarray(self.x[first : first + 4096]).tobytes())
        return finished(digest, self)
