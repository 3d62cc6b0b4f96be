"""Inputs of models that still lie in their file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.table import Array

if TYPE_CHECKING:
    from lanewise.trainables.data.inputs import Inputs


@dataclass(frozen=True, eq=False)
class Unread:
    """Rows of a file, and what makes inputs of them: `dataset.Fold.x_train` of large data."""

    rows: Mapped
    fitted: Inputs

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rows.shape

    def read(self, numbers: Array) -> Array:
        """The inputs of these rows, float32 [n, …]."""
        return self.fitted.transform(self.rows[numbers])
