"""The options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lanewise.usage import sweep_names

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="where everything is kept [default: ./.lanewise]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print exactly one JSON value")]
SweepArgument = Annotated[
    str | None,
    typer.Argument(
        help="name (the newest of that name) or id [default: the newest]",
        autocompletion=sweep_names,
    ),
]
TrialOption = Annotated[
    int | None, typer.Option("--trial", help="the number of a trial [default: the best]")
]
ExecutorOption = Annotated[
    str | None, typer.Option("--executor", help="auto, packed, tune or inline; wins over the file")
]
AddressOption = Annotated[
    str | None, typer.Option("--address", help="of a Ray cluster, such as auto or HOST:PORT")
]
TrackingOption = Annotated[
    str | None, typer.Option("--tracking-uri", help="an MLflow other than the home's own")
]
RegistryOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="the MLflow that knows the model [default: the home's]"),
]
Preference = Literal["smaller"]  # of the trials that are tied with the best
QuietOption = Annotated[bool, typer.Option("--quiet", help="no progress")]
