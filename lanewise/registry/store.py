"""Versions of registered models in MLflow, through its public client. Imports MLflow.

A version is registered in steps, of which the last one moves the alias: whoever asks for the alias
gets a whole version, the former one or the new one, wherever a promotion was killed. To which
versions an alias pointed before is kept in a tag of the model, the newest last; what is written
there twice, since a step was cut short, is passed over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from lanewise.dashboards import database
from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.existing import look_up, of_trial
from lanewise.dashboards.files import folder_at
from lanewise.dashboards.moved import relocate
from lanewise.dashboards.state import local_file, local_uri, mask
from lanewise.registry.digests import check, digests
from lanewise.registry.errors import RegistryError
from lanewise.registry.names import Reference
from lanewise.search.store.home import Home
from lanewise.trainables.errors import listing, nearest

FILES = "lanewise.files"  # of a version: JSON, the sha256 of each file
HISTORY = "lanewise.history."  # and an alias: of a model, the versions that it pointed to before
EXPORTED, BUNDLE = "artifacts/exported", "artifacts/bundle"  # in a version's folder
LONGEST_DESCRIPTION = 5000  # characters, of a version in MLflow's database
_UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # what MLflow says of no such


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    created: seconds since 1970. aliases: that point to it.
    """

    name: str
    number: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: float
    description: str = ""

    @property
    def is_ours(self) -> bool:
        return FILES in self.tags


@dataclass(frozen=True)
class Located:
    """A version's files on this machine, all of them checked.

    folder: MLflow's model. exported: the exported model in it, None where it is a bundle alone.
    """

    name: str
    version: int
    alias: str | None
    folder: Path
    tags: Mapping[str, str]

    @property
    def exported(self) -> Path | None:
        folder = self.folder / EXPORTED
        return folder if folder.is_dir() else None

    @property
    def bundle(self) -> Path:
        return self.folder / BUNDLE


@dataclass(frozen=True)
class Rolled:
    """An alias that was moved back."""

    name: str
    alias: str
    before: int
    now: int


class Registry:
    """The registered models of one MLflow.

    Args:
        uri: the tracking URI, with its password; None for the home's own database.
    """

    def __init__(self, home: Home, uri: str | None = None) -> None:
        self.home = home
        self.uri = uri or local_uri(home)
        self.is_local = self.uri == local_uri(home)

    @property
    def shown(self) -> str:
        """Where it is, without a password."""
        return str(self.home.root) if self.is_local else mask(self.uri)

    @cached_property
    def client(self) -> MlflowClient:
        if self.is_local and local_file(self.home).exists():
            database.ready(local_file(self.home))
            relocate(self.home)
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    # -- looking ---------------------------------------------------------------------------------

    def versions(self, name: str | None = None) -> list[Version]:
        """All versions of one model or of all, by name, the newest first.

        Raises:
            RegistryError: there is no model of that name.
        """
        if self._is_empty():
            return []
        found: list[Version] = []
        with self._explained():
            models = [one for one in self._models() if name in (None, one.name)]
            if name is not None and not models:
                raise self._unknown(Reference(name))
            for model in sorted(models, key=lambda model: str(model.name)):
                aliases = {alias: int(number) for alias, number in model.aliases.items()}
                each = [_version(version, aliases) for version in self._versions(model.name)]
                found += sorted(each, key=lambda version: -version.number)
            return found

    def version_of(self, reference: Reference) -> int:
        """The number of the version that is meant; one query.

        Raises:
            RegistryError: there is no such model, alias or version.
        """
        return self._get(reference).number

    def resolve(self, reference: Reference) -> Located:
        """A version's files on this machine: where MLflow keeps them, or fetched into the home.

        Raises:
            RegistryError: as `version_of`. CheckpointError: a file has changed, or is missing.
        """
        version = self._get(reference)
        what = f"{version.name}/{version.number}"
        if not version.is_ours:
            raise RegistryError(f"{what} was not registered by lanewise promote")
        recorded: dict[str, str] = json.loads(version.tags[FILES])
        with self._explained():
            uri = self.client.get_model_version_download_uri(version.name, str(version.number))
        folder = folder_at(uri) or self._fetched(uri, version)
        check(folder, recorded, what)
        return Located(version.name, version.number, reference.alias, folder, version.tags)

    def run_of(self, experiment_id: str, sweep: str, trial: int) -> str | None:
        """The run of a trial; None where a person deleted it."""
        with self._explained():
            found = look_up(self.client, experiment_id, sweep, of_trial(trial))
            return next((known.run_id for _, known in found if not known.gone), None)

    # -- registering -----------------------------------------------------------------------------

    def register(
        self,
        name: str,
        alias: str,
        package: Callable[[str], Path],
        *,
        experiment_id: str,
        run_id: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        card: str,
    ) -> Version:
        """A new version, and at the very end the alias that points to it.

        Args:
            package: makes the folder of MLflow's model that has the given id.
            run_id: of the trial. params: its configuration, flat.
            card: Markdown, the version's description.
        """
        with self._explained():
            model = self.client.create_logged_model(
                experiment_id,
                name=name,
                source_run_id=run_id,
                tags=dict(tags),
                params=dict(params),
                model_type="lanewise",
            )
            folder = package(str(model.model_id))
            self.client.log_model_artifacts(model.model_id, str(folder))
            self.client.finalize_logged_model(model.model_id, "READY")
            self._ensure(name)
            made = self.client.create_model_version(
                name,
                # Not models:/ID, which a local store looks up in another MLflow.
                source=model.artifact_location,
                run_id=run_id,
                model_id=model.model_id,
                tags={**tags, FILES: json.dumps(digests(folder))},
                description=_within(card),
            )
            self._point(name, alias, int(made.version))
        return self._get(Reference(name, None, int(made.version)))

    def _ensure(self, name: str) -> None:
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    # -- aliases ---------------------------------------------------------------------------------

    def rollback(self, name: str, alias: str, to: int | None = None) -> Rolled:
        """Moves an alias to the version that it pointed to before, or to another one.

        Raises:
            RegistryError: there is nothing to go back to.
        """
        now = self.version_of(Reference(name, alias))
        earlier = self._history(name, alias)
        while earlier and (earlier[-1] == now or not self._has(name, earlier[-1])):
            earlier.pop()
        if to is not None:
            number = self.version_of(Reference(name, None, to))
            if number == now:
                raise RegistryError(f"{name}@{alias} is version {now} already")
            self._point(name, alias, number)
            return Rolled(name, alias, now, number)
        if not earlier:
            message = f"{name}@{alias} was never another version than {now}"
            raise RegistryError(f"{message}; there is nothing to go back to")
        with self._explained():
            self.client.set_registered_model_alias(name, alias, str(earlier[-1]))
            self._remember(name, alias, earlier[:-1])
        return Rolled(name, alias, now, earlier[-1])

    def _point(self, name: str, alias: str, number: int) -> None:
        """Moves an alias; where it pointed is remembered first."""
        with self._explained():
            before = self.client.get_registered_model(name).aliases.get(alias)
            if before is not None and int(before) != number:
                earlier = self._history(name, alias)
                if earlier[-1:] != [int(before)]:
                    self._remember(name, alias, [*earlier, int(before)])
            self.client.set_registered_model_alias(name, alias, str(number))

    def _history(self, name: str, alias: str) -> list[int]:
        with self._explained():
            tags = self.client.get_registered_model(name).tags
        return [int(number) for number in str(tags.get(HISTORY + alias, "")).split(",") if number]

    def _remember(self, name: str, alias: str, numbers: list[int]) -> None:
        kept = ",".join(map(str, numbers[-100:]))
        self.client.set_registered_model_tag(name, HISTORY + alias, kept)

    # -- parts -----------------------------------------------------------------------------------

    def _is_empty(self) -> bool:
        """Whether a database is named that is not there: to look into it would make it."""
        file = re.fullmatch(r"sqlite:///([^?]+)", self.uri)
        return file is not None and not Path(file[1]).exists()

    def _models(self) -> Iterator[Any]:
        token = None
        while True:
            page = self.client.search_registered_models(page_token=token)
            yield from page
            if not (token := page.token):
                return

    def _versions(self, name: str) -> Iterator[Any]:
        token = None
        while True:
            page = self.client.search_model_versions(f"name='{name}'", page_token=token)
            yield from page
            if not (token := page.token):
                return

    def _has(self, name: str, number: int) -> bool:
        try:
            self._get(Reference(name, None, number))
        except RegistryError:
            return False
        return True

    def _get(self, reference: Reference) -> Version:
        name, alias, number = reference.name, reference.alias, reference.version
        if self._is_empty():
            raise RegistryError(
                f"there is no model {name} in {self.shown}: lanewise promote makes one"
            )
        try:
            with self._explained(passes=_UNKNOWN):
                if number is None:
                    found = self.client.get_model_version_by_alias(name, alias)
                else:
                    found = self.client.get_model_version(name, str(number))
        except MlflowException:
            raise self._unknown(reference) from None
        version = _version(found, {})
        return replace(version, aliases=tuple(str(each) for each in found.aliases))

    def _unknown(self, reference: Reference) -> RegistryError:
        """Why a reference means nothing, and what there is instead."""
        name, names = reference.name, sorted(str(model.name) for model in self._models())
        if name not in names:
            has = f"it has {listing(names)}{nearest(name, names)}" if names else "it has none"
            return RegistryError(f"there is no model {name} in {self.shown} ({has})")
        if reference.version is not None:
            return RegistryError(f"{name} has no version {reference.version}")
        aliases = sorted(self.client.get_registered_model(name).aliases)
        has = f"it has {', '.join(aliases)}" if aliases else "it has none"
        return RegistryError(f"{name} has no alias {reference.alias} ({has})")

    def _fetched(self, uri: str, version: Version) -> Path:
        """The files of a version that MLflow keeps elsewhere, fetched once."""
        from mlflow.artifacts import download_artifacts

        folder = self.home.root / "models" / version.name / str(version.number)
        if folder.is_dir():
            return folder
        draft = folder.with_name(f".{version.number}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            with self._explained():
                download_artifacts(artifact_uri=uri, dst_path=str(draft), tracking_uri=self.uri)
            roots = [path.parent for path in draft.rglob("MLmodel")]
            os.replace(min(roots, key=lambda path: len(path.parts), default=draft), folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return folder

    @contextmanager
    def _explained(self, passes: tuple[str, ...] = ()) -> Iterator[None]:
        """MLflow's errors as one line, without a password.

        Args:
            passes: codes of errors that somebody else explains.
        """
        try:
            yield
        except MlflowException as error:
            if error.error_code in passes:
                raise
            why = " ".join(str(error).split())[:300]
            raise ProjectionError(f"MLflow at {mask(self.uri)}: {mask(why)}") from error


def _within(card: str) -> str:
    """Cut at a line's end, where a table stays one; the whole card is among the files."""
    if len(card) <= LONGEST_DESCRIPTION:
        return card
    return card[: LONGEST_DESCRIPTION - 20].rpartition("\n")[0] + "\n\n… (card.md)\n"


def _version(found: Any, aliases: Mapping[str, int]) -> Version:
    number = int(found.version)
    return Version(
        str(found.name),
        number,
        tuple(sorted(alias for alias, version in aliases.items() if version == number)),
        dict(found.tags),
        found.creation_timestamp / 1000,
        found.description or "",
    )
