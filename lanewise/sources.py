"""What is named to be served or exported: an exported folder, a bundle, a sweep, NAME@ALIAS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lanewise.search.store.home import Home
from lanewise.trainables.export.about import ABOUT, About
from lanewise.trainables.export.runtime import ExportedModel

if TYPE_CHECKING:
    from lanewise.cluster.serving.model import Source
    from lanewise.registry.names import Reference
    from lanewise.registry.store import Located, Registry
    from lanewise.trainables.checkpoints.trained import TrainedModel


def source_of(
    text: str, *, home: Path | None = None, trial: int | None = None, uri: str | None = None
) -> Source:
    """A model to be served; what is registered is followed.

    Args:
        uri: of the MLflow that knows the model.

    Raises:
        as `models.load`.
    """
    from lanewise.cluster.serving.source import Folder

    if trial is None and (Path(text) / ABOUT).is_file():
        return Folder(Path(text))
    from lanewise.models import load, registered

    if trial is None and registered(text, home, uri) is not None:
        from lanewise.registry.names import parse
        from lanewise.registry.opening import open_registry

        return Registered(open_registry(Home.find(home), uri), parse(text))
    return Loaded(load(text, home=home, trial=trial))


@dataclass(frozen=True)
class Loaded:
    """A model that stays what it is: of a bundle or a sweep, answered by PyTorch."""

    trained: TrainedModel

    def current(self) -> str:
        return "loaded"

    def load(self) -> ExportedModel:
        from lanewise.trainables.export.pytorch import answering

        return answering(self.trained)


@dataclass(frozen=True)
class Registered:
    """A version of a registered model: the one that its alias points to by now."""

    registry: Registry
    reference: Reference

    def current(self) -> str:
        return str(self.registry.version_of(self.reference))

    def load(self) -> ExportedModel:
        return model_of(self.registry.resolve(self.reference))


def model_of(located: Located) -> ExportedModel:
    """As it was exported; where it was not, by PyTorch."""
    if located.exported is not None:
        model = ExportedModel.read(located.exported)
    else:
        from lanewise.models import load
        from lanewise.trainables.export.pytorch import answering

        model = answering(load(located.bundle))
    return replace(model, about=registered_as(model.about, located))


def registered_as(about: About, located: Located) -> About:
    """The same under the name and the version that it is registered by."""
    return replace(about, name=located.name, version=located.version, alias=located.alias)
