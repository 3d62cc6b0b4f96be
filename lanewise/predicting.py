"""What a model predicts as a table of rows, for ``lanewise predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.data.new_rows import NewRows


def predicted(model: TrainedModel, rows: NewRows, *, proba: bool = False) -> pd.DataFrame:
    """A row for each of ``rows``; of a forecasting one for each step ahead.

    Its columns are ``prediction``, and with ``proba`` one for each class; of the task anomaly
    ``anomaly`` and ``score``; of a forecasting ``step`` and the series; of a reconstruction those
    of the data.
    """
    import pandas as pd

    made = pd.DataFrame(_columns(model, rows.X, proba=proba))
    if rows.names is not None:
        made.insert(0, "file", list(rows.names))
    return made


def _columns(model: TrainedModel, rows: Any, *, proba: bool) -> dict[str, Any]:
    task = model.info.task
    if proba:
        probabilities, labels = model.predict_proba(rows), model.info.classes or ()
        each = {f"proba_{label}": probabilities[:, n] for n, label in enumerate(labels)}
        return {"prediction": model.labels(probabilities), **each}
    if task == "anomaly":
        scores = model.score_samples(rows)
        return {"anomaly": scores > model.metrics["val_threshold"], "score": scores}
    found = model.predict(rows)
    if task == "forecasting":
        return _steps(found, getattr(model.preprocess[0], "series", ()))
    if task == "reconstruction":
        names = getattr(model.preprocess[0], "columns", None)
        if names is None:
            message = "the rows that it gives back are no table; use predict in Python"
            raise ModelError("model", message)
        return dict(zip(names, found.T, strict=True))
    return {"prediction": found}


def _steps(ahead: Any, series: tuple[str, ...]) -> dict[str, Any]:
    """Of forecasts [N, H] or [N, H, S]."""
    ahead = ahead if ahead.ndim == 3 else ahead[..., None]
    count, steps, width = ahead.shape
    names = series if len(series) == width else tuple(f"value_{n}" for n in range(width))
    which = {"window": np.repeat(np.arange(count), steps)} if count > 1 else {}
    step = {"step": np.tile(np.arange(1, steps + 1), count)}
    return which | step | dict(zip(names, ahead.reshape(-1, width).T, strict=True))
