"""The commands that use what a sweep has trained: predictions, the test part, a trial again."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lanewise.errors import DONE
from lanewise.options import HomeOption, TrialOption
from lanewise.search.errors import SearchError
from lanewise.search.plain import say


def predict(
    source: Annotated[
        str, typer.Argument(metavar="SWEEP|FOLDER", help="a sweep, or a bundle's folder")
    ],
    file: Annotated[
        Path, typer.Argument(help="rows: .csv, .parquet, .npy, or a folder of pictures")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="write there, not to standard output")
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="the probability of each class, too")
    ] = False,
    trial: TrialOption = None,
    home: HomeOption = None,
) -> int:
    """Predict rows of a file with a sweep's best model, as CSV."""
    with _warnings_said():
        from lanewise.models import load
        from lanewise.predicting import predicted
        from lanewise.trainables.data.new_rows import read_rows

        model = load(source, home=home, trial=trial)
        table = predicted(model, read_rows(file, model.preprocess[0]), proba=proba)
    try:
        table.to_csv(sys.stdout if out is None else out, index=False)
    except OSError as error:
        if out is None:
            raise
        raise SearchError(f"--out: {out}: {error.strerror or error}") from None
    return DONE


@contextmanager
def _warnings_said() -> Iterator[None]:
    """Our warnings as lines on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(each.message) for each in caught):
        say(f"lanewise: {text}")


# In the order of the help.
COMMANDS: dict[str, Callable[..., int]] = {"predict": predict}
