"""The commands that use what a sweep has trained: predictions, the test part, a trial again."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lanewise.errors import DONE
from lanewise.looking import opened
from lanewise.options import HomeOption, JsonOption, RegistryOption, SweepArgument, TrialOption
from lanewise.search.plain import say


def predict(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP|FOLDER|NAME[@ALIAS]",
            help="a sweep, a bundle's folder, or a registered model",
        ),
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
    tracking_uri: RegistryOption = None,
) -> int:
    """Predict rows of a file by a sweep's or a registered model.

    Prints CSV, a row for each row.
    """
    with _warnings_said():
        from lanewise.models import load_for_prediction
        from lanewise.predicting import predict_rows
        from lanewise.trainables.data.new_rows import read_rows

        model = load_for_prediction(source, home=home, trial=trial, tracking_uri=tracking_uri)
        predict_rows(model, read_rows(file, model.preprocess[0]), out, proba=proba)
    return DONE


@contextmanager
def _warnings_said() -> Iterator[None]:
    """Our warnings as lines on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(each.message) for each in caught):
        say(f"lanewise: {text}")


def evaluate_on_test_part(
    sweep: SweepArgument = None,
    trial: TrialOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Evaluate the best model on the test part, which no trial saw. Each use is recorded."""
    from lanewise.testpart import evaluate_test_part, show_in_mlflow

    place, view = opened(sweep, home)
    with _warnings_said():
        found = evaluate_test_part(view, place, trial)
    if found.warning:
        say(f"lanewise: {found.warning}")
    if as_json:
        print(json.dumps(found.to_json()), flush=True)
    else:
        about = f"trial {found.use.trial}, epoch {found.use.epoch}"
        say(f"{found.name}: {about}, on the {found.rows} rows of the test part", sys.stdout)
        for name, value in found.metrics.items():
            say(f"  {name:<20} {value:.6g}", sys.stdout)
    show_in_mlflow(view, place, patience=60.0)
    return DONE


def train_again(
    trial: Annotated[int, typer.Option("--trial", help="the number of the trial")],
    sweep: SweepArgument = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Train a trial again, alone, and compare its metrics."""
    from lanewise.display import waiting
    from lanewise.replaying import replay

    _, view = opened(sweep, home)
    with _warnings_said(), waiting(f"training trial {trial} again", shown=not as_json):
        found = replay(view, trial)
    if as_json:
        print(json.dumps(found.to_json()))
        return DONE
    about = f"{found.name}: trial {found.trial}, seed {found.seed}, {found.epochs} epochs"
    say(f"{about}, trained again; of its best epoch, {found.epoch}:", sys.stdout)
    say(f"  {'metric':<20} {'recorded':>14} {'again':>14}", sys.stdout)
    for each in found.at_best:
        again = "missing" if each.again is None else f"{each.again:.8g}"
        say(f"  {each.name:<20} {each.recorded:>14.8g} {again:>14}  {each.verdict}", sys.stdout)
    since = f", from epoch {found.first_different} on" if found.first_different else ""
    say(f"over all epochs: {found.verdict}{since}", sys.stdout)
    for name, (then, now) in found.differing.items():
        say(f"differs: {name} was {then}, is {now}", sys.stdout)
    return DONE


# In the order of the help.
COMMANDS: dict[str, Callable[..., int]] = {
    "predict": predict,
    "test": evaluate_on_test_part,
    "replay": train_again,
}
