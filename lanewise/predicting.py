"""What a model predicts as tables of rows, for ``lanewise predict`` and MLflow."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lanewise.search.errors import SearchError
from lanewise.trainables.data.new_rows import NewRows
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.export.runtime import ExportedModel

    Model = TrainedModel | ExportedModel


def predict_rows(
    model: Model, chunks: Iterable[NewRows], out: Path | None, *, proba: bool = False
) -> None:
    """Writes predictions as CSV, chunk by chunk.

    Args:
        out: a file, which is there whole or as it was; None for standard output.

    Raises:
        SearchError: it cannot be written.
    """
    tables = (predicted(model, chunk, proba=proba) for chunk in chunks)
    if out is None:
        _write(tables, sys.stdout)
        return
    with _replaced(out) as file:
        _write(tables, file)


def _write(tables: Iterable[pd.DataFrame], file: IO[str]) -> None:
    for number, table in enumerate(tables):
        table.to_csv(file, index=False, header=number == 0)


@contextmanager
def _replaced(out: Path) -> Iterator[IO[str]]:
    """A file that takes another's place once all is written; what is no file is written to."""
    is_special = out.exists() and not out.is_file()
    draft = out if is_special else out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            yield file
        if draft != out:
            os.replace(draft, out)
    except OSError as error:
        raise SearchError(f"--out: {out}: {error.strerror or error}") from None
    finally:
        if draft != out:
            draft.unlink(missing_ok=True)


def predicted(model: Model, rows: NewRows, *, proba: bool = False) -> pd.DataFrame:
    """A row for each of ``rows``; of a forecasting one for each step ahead.

    Its columns are ``prediction``, and with ``proba`` one for each class; of the task anomaly
    ``anomaly`` and ``score``; of a forecasting ``step`` and the series; of a reconstruction those
    of the data.
    """
    import pandas as pd

    made = pd.DataFrame(_columns(model, _told(model, rows.X), proba=proba))
    if rows.names is not None:
        made.insert(0, "file", list(rows.names))
    return made


def _told(model: Model, rows: Any) -> Any:
    """The rows, read once; what an exported model, which warns of nothing, has not seen is said."""
    first = model.preprocess[0]
    if not hasattr(model, "about") or not isinstance(first, Preprocess):
        return rows
    table = first.read(rows)
    for told in first.unseen(table):
        warnings.warn(told, UserWarning, stacklevel=2)
    return table


def _columns(model: Model, rows: Any, *, proba: bool) -> dict[str, Any]:
    about = model.about if hasattr(model, "about") else model.info
    if proba:
        probabilities, labels = model.predict_proba(rows), about.classes or ()
        each = {f"proba_{label}": probabilities[:, n] for n, label in enumerate(labels)}
        return {"prediction": model.labels(probabilities), **each}
    if about.task == "anomaly":
        return {"anomaly": model.predict(rows), "score": model.score_samples(rows)}
    found = model.predict(rows)
    if about.task == "forecasting":
        return _steps(found, getattr(model.preprocess[0], "series", ()))
    if about.task == "reconstruction":
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
