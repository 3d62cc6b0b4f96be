"""Metrics with the digits that they deserve. Files and JSON keep full precision.

A share of n rows moves in steps of 1/n, so it is shown to the first decimal that tells two
neighbouring steps apart: 265 of 270 rows are 0.981, not 0.981481. Any other metric is shown to four
significant digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from lanewise.search.core.events import Launched

SIGNIFICANT = 4
FEWEST = 2  # decimals of a share
# Metrics between 0 and 1 that count rows, or pairs of them, without their part.
SHARES = frozenset(
    ("accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "two_sample")
)


def rows_of(launch: Launched) -> dict[str, int]:
    """Rows that the metrics of each part stand for: ``{"train": 1257, "val": 270}``.

    With folds, a validation metric is the mean over folds that have other rows each. Empty for a
    training function, which has its own data.
    """
    data = launch.details.get("data") or {}
    parts = data.get("parts") or {}
    folds = data.get("folds") or 1
    rows = {part: int(count) for part, count in parts.items() if count}
    return rows | ({"val": rows["val"] * folds} if "val" in rows else {})


def metric(name: str, value: float, rows: Mapping[str, int]) -> str:
    """A metric's value for people.

    Args:
        name: as reported, such as ``val_accuracy``.
        rows: of ``rows_of``.
    """
    return format(value, metric_format(name, rows))


def metric_format(name: str, rows: Mapping[str, int]) -> str:
    """The format of a metric's values, ``.3f`` or ``.4g``; Python's and d3's (in plots) alike."""
    part, _, base = name.partition("_")
    if base in SHARES and part in rows:
        return f".{decimals(rows[part])}f"
    return f".{SIGNIFICANT}g"


def decimals(rows: int) -> int:
    """So many that one row more or less shows: 3 for 270 rows."""
    return max(FEWEST, math.ceil(math.log10(max(rows, 1))))
