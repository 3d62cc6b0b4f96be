"""Writes the files of runs where MLflow keeps them. Imports MLflow."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository


class Files:
    """The artifacts of one experiment's runs.

    Args:
        uri: the tracking URI, with its password.
        root: the experiment's artifact location.
    """

    def __init__(self, uri: str, root: str) -> None:
        self._uri = uri
        self._root = root.rstrip("/")
        self._repositories: dict[str, Any] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="lanewise-")

    def close(self) -> None:
        self._folder.cleanup()

    def write(self, artifact_uri: str, name: str, text: str) -> None:
        """A text as an artifact of the run whose artifacts are at ``artifact_uri``."""
        if (folder := folder_at(artifact_uri)) is not None:
            # As MLflow's client would, which takes ten times as long.
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        else:
            file = self._draft(name)
            file.write_text(text, "utf-8")
            self._log(artifact_uri, file)

    def copy(self, artifact_uri: str, name: str, path: Path) -> None:
        """A file as an artifact of that name, in place of one that is there."""
        file = self._draft(name)
        shutil.copyfile(path, file)
        self._log(artifact_uri, file)

    def _draft(self, name: str) -> Path:
        """Where a file of that name is put together."""
        return Path(self._folder.name) / name

    def _log(self, artifact_uri: str, file: Path) -> None:
        repository, folder = self._repository(artifact_uri)
        repository.log_artifact(str(file), folder)

    def _repository(self, uri: str) -> tuple[Any, str | None]:
        """A repository and a folder in it. One serves all runs below the experiment's location."""
        root, folder = uri, None
        if uri.startswith(f"{self._root}/"):
            root, folder = self._root, uri[len(self._root) + 1 :]
        if root not in self._repositories:
            self._repositories[root] = get_artifact_repository(root, tracking_uri=self._uri)
        return self._repositories[root], folder


def folder_at(uri: str) -> Path | None:
    """The folder that an artifact URI means on this machine, if it means one."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query:
        return None
    return Path(url2pathname(parts.path))
