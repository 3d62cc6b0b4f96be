"""What MLflow runs of a version: its exported model, or the bundle of one that does not export.

MLflow keeps a copy of this file with the version and runs that ("model from code"); nothing is
unpickled. It needs Lanewise; an exported model needs no torch.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from lanewise.registry.answering import Answering


class Promoted(PythonModel):  # type: ignore[misc]  # MLflow is not looked into
    """Raw rows as a DataFrame to predictions, with the columns of ``lanewise predict``."""

    def load_context(self, context: PythonModelContext) -> None:
        self._model = Answering.read(context.artifacts)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        return self._model.predict(model_input)


set_model(Promoted())
