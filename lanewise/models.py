"""Trained models: from a bundle's folder, or of a sweep's trial; without a plan or data."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.errors import NoModelError
from lanewise.own_code import change_of_code
from lanewise.plan import file_of, recipe_of
from lanewise.registry.errors import RegistryError
from lanewise.registry.names import is_reference, parse
from lanewise.registry.opening import open_registry
from lanewise.search.errors import SearchError, UnknownSweepError
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, find, open_view
from lanewise.trainables.errors import ModelError
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import find_build
from lanewise.trainables.user_code.contract import check_given

if TYPE_CHECKING:
    from lanewise.registry.store import Located
    from lanewise.search.core.history import Trial
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.export.runtime import ExportedModel
    from lanewise.trainables.recipe import Recipe

Function = Callable[..., Any]


def load(
    source: str | Path,
    *,
    model: Function | str | None = None,
    home: str | Path | None = None,
    trial: int | None = None,
) -> TrainedModel:
    """A trained model, ready to predict.

    Args:
        source: a bundle's folder (``model.save``), a registered model (``NAME@ALIAS``,
            ``models:/NAME/VERSION``), else a sweep by name or id.
        model: the function that builds a model of your own, or a reference to it; by default the
            one that it was trained with. Of a built-in model None.
        home: where the sweep is, else ``LANEWISE_HOME``, else ``./.lanewise``.
        trial: of the sweep; its best by default.

    Raises:
        CheckpointError: what is stored is missing, damaged or newer than this release.
        ModelError: the code of a model of your own is not to be found.
        LookupError: the sweep has no model. SearchError: there is no such sweep.
        RegistryError: there is no such registered model, or version of it.
    """
    check_given(model, "model")
    text = str(source)
    if is_reference(text) and trial is not None:
        raise ModelError("trial", f"{text} is a registered model, which is of one trial alone")
    if trial is None and (located := registered(text, home, None)) is not None:
        return _of_folder(located.bundle, model)
    if _is_folder(source):
        if trial is not None:
            raise ModelError("trial", f"{text} is a bundle, which is of one trial alone")
        return _of_folder(Path(source), model)
    place = Home.find(home)
    journal = place.journal()
    try:
        return model_of(open_view(journal, find(journal, text)), place, trial, model)
    finally:
        journal.close()


def load_for_prediction(
    source: str, *, home: Path | None, trial: int | None, tracking_uri: str | None
) -> TrainedModel | ExportedModel:
    """As `load`; a registered model as it was exported, if it was: then torch is not imported."""
    located = None if trial is not None else registered(source, home, tracking_uri)
    if located is None:
        return load(source, home=home, trial=trial)
    if located.exported is None:
        return _of_folder(located.bundle, None)
    from lanewise.trainables.export.runtime import ExportedModel

    return ExportedModel.read(located.exported)


def registered(source: str, home: str | Path | None, uri: str | None) -> Located | None:
    """The registered model that is meant; None where it is a sweep or a folder.

    A name without an alias is a sweep's, where there is one.
    """
    if is_reference(source):
        return _located(source, home, uri)
    if _is_folder(source):
        is_version = re.fullmatch(r"[^/]+/\d+", source) and not Path(source).exists()
        return _located(source, home, uri) if is_version else None
    try:
        journal = Home.find(home).journal()
        find(journal, source)
    except UnknownSweepError:
        with suppress(RegistryError):
            return _located(source, home, uri)
    return None  # an unknown one is explained where sweeps are


def _located(text: str, home: str | Path | None, tracking_uri: str | None) -> Located:
    return open_registry(Home.find(home), tracking_uri).resolve(parse(text))


def _is_folder(source: str | Path) -> bool:
    """Whether a bundle is meant: no sweep's name or id is a path."""
    is_path = isinstance(source, Path) or os.sep in source or source in (".", "..")
    return is_path or Path(source, "bundle.json").is_file()


def trial_of(view: View, number: int | None) -> Trial:
    """A trial by number, the best by default, that has a model.

    Raises:
        NoModelError, SearchError: there is none.
    """
    name = view.launch.name
    if file_of(view).train is not None:
        raise NoModelError("a training function keeps its own models; there is none to load")
    if number is not None and number not in view.history.trials:
        raise SearchError(f"--trial: {name} has no trial {number}")
    trial = view.history.best if number is None else view.history.trials[number]
    if trial is None or trial.best is None:
        which = name if number is None else f"trial {number} of {name}"
        raise NoModelError(f"{which} has no usable best yet")
    return trial


def model_of(
    view: View, home: Home, number: int | None = None, model: Function | str | None = None
) -> TrainedModel:
    """The weights of a trial at its best epoch, from its checkpoint and the sweep's first record.

    Raises:
        NoModelError, SearchError: it has none. CheckpointError: they are gone or broken.
    """
    from lanewise.cluster.checkpoints import Storage
    from lanewise.dashboards.user_runs import unlogged
    from lanewise.trainables.checkpoints.bundle import Origin
    from lanewise.trainables.checkpoints.fidelity import stored_best

    trial, launch = trial_of(view, number), view.launch
    assert trial.best is not None
    details, file = launch.details, file_of(view)
    recipe = _with_model(recipe_of(file, Path(details["base"]), view.spec), model)
    if model is None and (changed := change_of_code(launch)):
        _warn(changed)
    versions = details.get("versions", {})
    origin = Origin(launch.sweep, launch.name, trial.number, details.get("data"), versions)
    paths = Storage(str(home.checkpoints(launch.sweep)), 0).weights(trial.number)
    with unlogged():  # the person's code builds a module, for no trial
        _check_code(recipe, f"lw.load({launch.name!r}, model=build)")
        return stored_best(paths, recipe, trial.number, trial.best[0], origin)


def _of_folder(folder: Path, model: Function | str | None) -> TrainedModel:
    from lanewise.trainables.checkpoints.bundle import read
    from lanewise.trainables.checkpoints.trained import TrainedModel

    bundle = read(folder)
    recipe, source = _with_model(bundle.recipe, model), bundle.source
    is_own = model is None and recipe.model not in MODELS
    if is_own and source is not None and source.has_changed:
        kept = folder / "code" / Path(source.file).name
        _warn(f"{source.file} has changed since this model was stored; {kept} is what it was")
    _check_code(recipe, f"lw.load({str(folder)!r}, model=build)")
    return TrainedModel.of(bundle, recipe)


def _with_model(recipe: Recipe, model: Function | str | None) -> Recipe:
    if model is None:
        return recipe
    if recipe.model in MODELS:
        raise ModelError("model", f"this is a {recipe.model}, which is built in; leave it out")
    if isinstance(model, str):
        return replace(recipe, model=model, base=os.getcwd())
    return replace(recipe, callable=model)


def _check_code(recipe: Recipe, hint: str) -> None:
    """Raise ModelError, with how to give it, unless there is code that builds the model."""
    if recipe.callable is None and "<" in (recipe.model or ""):
        raise ModelError("model", f"a function without a name built it; give one: {hint}")
    try:
        find_build(recipe)
    except ModelError as error:
        if error.__cause__ is not None:  # an exception in the person's own code
            raise
        raise ModelError("model", f"{error.message}; give its code: {hint}") from None


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
