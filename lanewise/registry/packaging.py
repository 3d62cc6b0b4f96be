"""The folder of MLflow's model: code, artifacts, signature, input example. Imports MLflow.

The signature says of each column that it may be anything. MLflow's narrower types refuse rows that
the model takes: `double` a batch whose values happen to be whole, `long` and `boolean` a gap in
pandas' own nullable types (mlflow#25593, which leaves a model without a signature), `string` a code
that pandas reads as a number. How a value is read is known to the model's own preprocessing, which
names the row and the column that it does not take; the types are in the metadata.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import AnyType, ColSpec, Schema

from lanewise.trainables.export.about import About

CODE = Path(__file__).with_name("pyfunc_model.py")
ALWAYS = ("lanewise", "mlflow", "numpy", "pandas")
EXPORTED, BUNDLE = ("onnxruntime",), ("torch", "safetensors")


def package(
    folder: Path,
    artifacts: Mapping[str, Path],
    about: About,
    example: Sequence[Mapping[str, Any]],
    metadata: Mapping[str, Any],
    model_id: str,
) -> None:
    """Writes MLflow's model.

    Args:
        artifacts: "bundle", and "exported" where there is one: their folders.
        example: raw rows.
        model_id: of the model that MLflow logs it as.
    """
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(CODE),
        artifacts={name: str(path) for name, path in artifacts.items()},
        signature=signature(about),
        input_example=pd.DataFrame(list(example)),
        # Said here: to find them out, MLflow would run the model in a process of its own.
        pip_requirements=requirements(is_exported="exported" in artifacts),
        mlflow_model=Model(model_id=model_id),
        metadata=dict(metadata),
    )


def signature(about: About) -> ModelSignature:
    """The raw columns, and what `answering` gives for them."""
    columns = [ColSpec(AnyType(), each.name, required=not each.nullable) for each in about.columns]
    return ModelSignature(Schema(columns), Schema(list(_outputs(about))))


def _outputs(about: About) -> Sequence[ColSpec]:
    if about.task == "anomaly":
        return [ColSpec("boolean", "anomaly"), ColSpec("double", "score")]
    if about.task == "regression":
        return [ColSpec("double", "prediction")]
    if about.classes is not None:
        types = {type(label) for label in about.classes}
        names = {str: "string", int: "long", bool: "boolean", float: "double"}
        found = names.get(types.pop(), "string") if len(types) == 1 else "string"
        return [ColSpec(found, "prediction")]
    return [ColSpec(AnyType(), "prediction")]


def requirements(*, is_exported: bool) -> list[str]:
    """What the model needs, as installed here."""
    names = [*ALWAYS, *(EXPORTED if is_exported else BUNDLE)]
    return [f"{name}=={importlib.metadata.version(name)}" for name in names]
