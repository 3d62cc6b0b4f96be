"""A trained model that answers raw rows by PyTorch, as its exported twin does by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence

from lanewise.trainables.checkpoints.outputs import outputs
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.about import About
from lanewise.trainables.export.folder import about_of
from lanewise.trainables.export.runtime import ExportedModel
from lanewise.trainables.training.latent import Generative


def answering(model: TrainedModel, about: About | None = None) -> ExportedModel:
    """For what cannot be exported, or to compare with: needs the whole of Lanewise.

    Raises:
        ExportError: a generator, which answers no rows.
    """
    if isinstance(model.module, Generative):
        raise ExportError("model", "a generator answers no rows; use sample(rows)")
    info, dtype = model.info, model.dtype

    def run(xs: Sequence[Array]) -> list[Array]:
        pairs = zip(model.modules, xs, strict=True)
        return [outputs(module, x, info, dtype).float().cpu().numpy() for module, x in pairs]

    return ExportedModel(about or about_of(model), model.preprocess, run)
