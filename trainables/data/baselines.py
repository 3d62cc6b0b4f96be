"""What a forecast must beat: repeating the last value, or the last season, on validation parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.table import Array, Rows

NAIVE, SEASONAL = "naive", "seasonal_naive"


def of_series(parts: Sequence[Rows]) -> dict[str, Any]:
    """What the identity of windows of series says beside their rows; nothing of other rows.

    Errors are in the series' own units, means over all values of a part and then over the parts.

    Args:
        parts: the validation part, or those of folds.
    """
    blocks = [part for part in parts if isinstance(part, Block) and part.outlook is not None]
    if not blocks:
        return {}
    outlook = blocks[0].outlook
    assert outlook is not None
    asked = outlook.asked
    cut = {"time": asked.time, "values": list(blocks[0].columns), "window": asked.window}
    cut |= {"horizon": asked.horizon, "season": asked.season}
    found = [dict(_errors(block)) for block in blocks]
    means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    return {"series": cut, "baselines": means}


def baseline_notes(about: Mapping[str, Any]) -> tuple[str, ...]:
    """The same in a sentence."""
    if "baselines" not in about:
        return ()
    shown = {name: f"{value:.4g}" for name, value in about["baselines"].items()}
    last, season = (
        f"has MAE {shown[f'{kind}_mae']} and RMSE {shown[f'{kind}_rmse']}"
        for kind in (NAIVE, SEASONAL)
    )
    rows = about["series"]["season"]
    return (
        f"on the validation part, to repeat the last value {last}",
        f"to repeat the last season ({rows} rows) {season}; val_skill is beside that MAE",
    )


def _errors(block: Block) -> Iterator[tuple[str, float]]:
    assert block.outlook is not None
    last = np.tile(np.asarray(block.x[:, -1, :]), (1, block.outlook.asked.horizon))
    for name, forecast in ((NAIVE, last), (SEASONAL, block.outlook.naive)):
        error: Array = forecast - block.target
        yield f"{name}_mae", float(np.abs(error).mean())
        yield f"{name}_rmse", float(np.sqrt(np.square(error).mean()))
