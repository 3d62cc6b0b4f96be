"""An exported model's folder as a source."""

from __future__ import annotations

from pathlib import Path

from lanewise.cluster.serving.model import Model
from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.export.about import ABOUT
from lanewise.trainables.export.runtime import ExportedModel


class Folder:
    """Follows a folder that is replaced by another export."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = Path(folder)
        self._threads = threads

    def current(self) -> str:
        """
        Raises:
            CheckpointError: no exported model is there.
        """
        try:
            found = (self.folder / ABOUT).stat()
        except OSError:
            message = f"{self.folder} is no exported model: it has no {ABOUT}"
            raise CheckpointError(message) from None
        return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"

    def load(self) -> Model:
        return ExportedModel.read(self.folder, self._threads)
