"""Writing an exported model: a trained one as a folder that `runtime` reads without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export import about as abouts
from lanewise.trainables.export import rows
from lanewise.trainables.export.about import About
from lanewise.trainables.export.examples import columns_of, example_rows
from lanewise.trainables.export.onnx import onnx_of, program


def about_of(model: TrainedModel, name: str = "") -> About:
    """What an exported model says of itself.

    Args:
        name: it is registered by; the sweep's where none is given.
    """
    info, fitted, origin = model.info, model.preprocess[0], model.origin
    is_forecast = info.task == "forecasting"
    return About(
        name=name or origin.name or model.recipe.model or "model",
        task=info.task,
        form=rows.form_of(fitted),
        shape=tuple(info.input_shape),
        outputs=info.outputs,
        columns=columns_of(fitted),
        classes=info.classes,
        window=info.input_shape[0] if is_forecast else None,
        horizon=info.outputs // info.input_shape[-1] if is_forecast else None,
        threshold=model.metrics.get("val_threshold") if info.task == "anomaly" else None,
        metrics=dict(model.metrics),
        origin=_origin(model),
    )


def export(model: TrainedModel, folder: Path, about: About | None = None) -> About:
    """Exports a model's networks, and writes the folder.

    Raises:
        ExportError: where in the network, in one line; or the folder holds something else.
    """
    network = onnx_of(program(model.modules, model.info))
    return write(model, network, folder, about)


def write(
    model: TrainedModel,
    network: bytes,
    folder: Path,
    about: About | None = None,
    example: Sequence[Mapping[str, Any]] | None = None,
    card: str | None = None,
) -> About:
    """Atomic: a temporary folder beside it, then a rename. An exported model there is replaced.

    Args:
        network: the ONNX model, as it was exported or smaller.
        about: None for `about_of(model)`. example: two raw rows; None for made-up ones.
        card: of the model, in Markdown.

    Raises:
        ExportError: the folder holds something else.
    """
    about = about or about_of(model)
    with abouts.SEALED.replacing(folder, partial(ExportError, "folder")) as draft:
        (draft / abouts.NETWORK).write_bytes(network)
        each = [json.loads(fitted.to_json()) for fitted in model.preprocess]
        _write_json(draft / abouts.PREPROCESSING, each)
        shown = list(example or example_rows(model.preprocess[0]))
        _write_json(draft / abouts.EXAMPLE, {"rows": shown})
        if card is not None:
            (draft / abouts.CARD).write_text(card, encoding="utf-8")
        abouts.write(about, draft)
    return about


def _origin(model: TrainedModel) -> dict[str, Any]:
    origin = model.origin
    found = {"sweep": origin.sweep, "name": origin.name, "trial": origin.trial, "data": origin.data}
    known = {key: value for key, value in found.items() if value is not None}
    return {**known, "model": model.recipe.model, "versions": dict(origin.versions)}


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
