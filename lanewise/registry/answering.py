"""A version's model in use, inside MLflow: a DataFrame of raw rows in, one of predictions out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lanewise.models import load
from lanewise.predicting import predicted
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.new_rows import NewRows
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.export import rows
from lanewise.trainables.export.runtime import ExportedModel

if TYPE_CHECKING:
    from lanewise.predicting import Model


@dataclass(frozen=True)
class Answering:
    """The exported model of a version, or else its bundle's."""

    model: Model

    @classmethod
    def read(cls, artifacts: Mapping[str, str]) -> Answering:
        """Of the folders "exported" and "bundle"; the files are checked by their hashes."""
        if "exported" in artifacts:
            return cls(ExportedModel.read(Path(artifacts["exported"])))
        return cls(load(Path(artifacts["bundle"])))

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the columns of ``lanewise predict``."""
        return predicted(self.model, NewRows(_inputs(frame, self.model.preprocess[0])))


def _inputs(frame: pd.DataFrame, fitted: Inputs) -> Any:
    """Columns of values as they are; pictures, sequences and windows as arrays."""
    if not isinstance(fitted, Scaling):
        return frame.replace({pd.NA: None, pd.NaT: None})
    return rows.read([dict(row) for row in _plain(frame)], fitted)


def _plain(frame: pd.DataFrame) -> Iterable[Mapping[str, Any]]:
    """Rows whose arrays are lists, as JSON has them."""
    for record in frame.to_dict("records"):
        yield {
            str(name): value.tolist() if hasattr(value, "tolist") else value
            for name, value in record.items()
        }
