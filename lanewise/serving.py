"""The commands that put a model to work: a folder of its own, a server."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanewise.errors import DONE
from lanewise.options import HomeOption, RegistryOption, TrialOption
from lanewise.search.plain import say

if TYPE_CHECKING:
    from lanewise.trainables.export.about import About

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@ALIAS]|SWEEP|FOLDER",
        help="a registered model, a sweep (its best), a bundle or an exported model",
    ),
]


def serve(
    source: SourceArgument,
    host: Annotated[str, typer.Option("--host", help="another needs a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 for a free one")] = 8000,
    max_rows: Annotated[int, typer.Option("--max-rows", help="in a request")] = 10_000,
    max_bytes: Annotated[int, typer.Option("--max-bytes", help="of a request")] = 16 * 2**20,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="holds the token [default: the variable LANEWISE_TOKEN]"),
    ] = None,
    trial: TrialOption = None,
    home: HomeOption = None,
    tracking_uri: RegistryOption = None,
) -> int:
    """Answer rows over HTTP with a model.

    A registered one is replaced when its alias moves.
    """
    from lanewise.cluster.serving.access import read_token
    from lanewise.cluster.serving.limits import Limits
    from lanewise.cluster.serving.server import Address
    from lanewise.cluster.serving.server import serve as answer_requests
    from lanewise.sources import source_of

    address, limits = Address.checked(host, port), Limits.checked(max_bytes, max_rows)
    token = read_token(token_file)
    answer_requests(
        source_of(source, home=home, trial=trial, uri=tracking_uri), address, limits, token
    )
    return DONE


def export(
    source: SourceArgument,
    folder: Annotated[Path, typer.Argument(help="to be written; replaces an earlier export")],
    trial: TrialOption = None,
    home: HomeOption = None,
    tracking_uri: RegistryOption = None,
) -> int:
    """Write a folder with a model and a server of its own.

    It needs NumPy, onnxruntime, starlette and uvicorn, and neither Lanewise nor torch.
    """
    from lanewise.cluster.serving.folder import assemble
    from lanewise.cluster.serving.openapi import title

    with tempfile.TemporaryDirectory() as drafts:
        exported, about = _exported(source, Path(drafts), trial, home, tracking_uri)
        assemble(exported, about, folder)
    say(f"{title(about)}, exported to {folder}; serve it: python {folder / 'serve.py'}", sys.stdout)
    return DONE


def _exported(
    source: str, drafts: Path, trial: int | None, home: Path | None, uri: str | None
) -> tuple[Path, About]:
    """A folder with the exported model that is meant; made in `drafts` where there is none."""
    from lanewise.sources import registered_as
    from lanewise.trainables.export import about as abouts

    if trial is None and (Path(source) / abouts.ABOUT).is_file():
        return Path(source), abouts.read(Path(source))
    from lanewise.models import load, registered

    located = None if trial is not None else registered(source, home, uri)
    if located is not None and located.exported is not None:
        return located.exported, registered_as(abouts.read(located.exported), located)
    from lanewise.trainables.export.folder import export as write

    trained = load(source if located is None else located.bundle, home=home, trial=trial)
    about = write(trained, drafts / "model")
    return drafts / "model", about if located is None else registered_as(about, located)


# In the order of the help.
COMMANDS: dict[str, Callable[..., int]] = {"export": export, "serve": serve}
