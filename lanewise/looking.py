"""The commands that look at sweeps: here, in a report, or in MLflow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from lanewise.errors import DONE, INTERRUPTED, NO_BEST
from lanewise.options import (
    ExecutorOption,
    HomeOption,
    JsonOption,
    Preference,
    QuietOption,
    SweepArgument,
)
from lanewise.search.errors import JournalError, SearchError, no_sweeps
from lanewise.search.plain import say
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, find, open_view
from lanewise.usage import complain, typed


def list_sweeps(home: HomeOption = None, as_json: JsonOption = False) -> int:
    """List the sweeps of this home."""
    from lanewise.dashboards.summary import listing
    from lanewise.dashboards.terminal import render_listing

    place = Home.find(home)
    is_empty = not (place.root / "journal.db").exists()
    found = [] if is_empty else listing(place.journal(), place)
    if as_json:
        print(json.dumps(found))
    if not found:
        raise no_sweeps(place.root)
    if not as_json:
        render_listing(plain_console(), found)
    return DONE


def show(
    sweep: SweepArgument = None,
    trial: Annotated[int | None, typer.Option("--trial", help="one trial, whole")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show a sweep, its trials and what failed in them."""
    from lanewise.dashboards.summary import history, summary
    from lanewise.dashboards.terminal import render_sweep, render_trial

    place, view = opened(sweep, home)
    if trial is not None and trial not in view.history.trials:
        raise SearchError(f"--trial: {view.launch.name} has no trial {trial}")
    if as_json:
        trials = history(view)
        whole = {**summary(view, place), "history": trials}
        print(json.dumps(whole if trial is None else trials[trial]))
    elif trial is not None:
        render_trial(plain_console(), view, trial)
    else:
        render_sweep(plain_console(), view, place)
    return DONE


def watch(
    sweep: SweepArgument = None,
    home: HomeOption = None,
    interval: Annotated[
        float | None,
        typer.Option("--interval", min=0.1, help="seconds between looks [default: 1; 5 in lines]"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print a JSON object in a line for each change")
    ] = False,
) -> int:
    """Watch a running sweep until it ends. Ctrl-C leaves the view, not the sweep."""
    from lanewise.dashboards.feed import Feed
    from lanewise.dashboards.summary import summary
    from lanewise.dashboards.terminal import render_summary
    from lanewise.dashboards.watch import Watcher, in_lines, on_screen
    from lanewise.search.store.view import unread_view

    place, console = Home.find(home), plain_console()
    journal = place.journal()
    view = unread_view(journal, find(journal, sweep))
    command = partial(typed, place)
    watcher = Watcher(Feed(view), place, command("resume", view.launch.sweep))
    try:
        if console.is_terminal and not as_json:
            on_screen(watcher, console, interval or 1.0)
        elif in_lines(watcher, console, interval or 5.0, as_json=as_json) == "interrupted":
            return INTERRUPTED
    except KeyboardInterrupt:
        return DONE
    if not as_json:
        render_summary(console, summary(view, place), command)
    return DONE


def best(
    sweep: SweepArgument = None,
    top: Annotated[
        int | None,
        typer.Option("--top", min=1, help="that many, best first [default: 1; 10 with --verify]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="write the best as a sweep file of constants")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="train the best again, with fresh seeds and folds")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="of --verify [default: 5]")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=1, help="of --verify [default: 5; 1 where parts follow time]"),
    ] = None,
    prefer: Annotated[
        Preference | None,
        typer.Option("--prefer", help="of --verify: of the tied ones, not the best but another"),
    ] = None,
    executor: ExecutorOption = None,
    quiet: QuietOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the best trial, verify it, or write it as a sweep file."""
    from lanewise.dashboards.summary import best as best_of
    from lanewise.dashboards.terminal import render_best
    from lanewise.describe import write_constants

    place, view = opened(sweep, home)
    if verify:
        from lanewise.choosing import verified_best
        from lanewise.launch import Options
        from lanewise.verify import Request

        return verified_best(
            view,
            Options(place, executor, shows_progress=not quiet),
            Request(top or 10, seeds or 5, folds),
            prefer=prefer,
            out=out,
            console=None if as_json else plain_console(),
        )
    for given, name in ((seeds, "seeds"), (folds, "folds"), (prefer, "prefer")):
        if given is not None:
            raise SearchError(f"--{name}: goes with --verify")
    found = best_of(view, top or 1)
    if not found:
        return complain(f"{view.launch.name} has no usable best yet", NO_BEST)
    if out is not None:
        write_constants(view, found[0], out)
    if as_json:
        mine = [{"sweep": view.launch.sweep, **one} for one in found]
        print(json.dumps(mine[0] if top in (None, 1) else mine))
    else:
        render_best(plain_console(), view, top or 1)
    return DONE


def report(
    sweep: SweepArgument = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="the file [default: HOME/reports/SWEEP.html]")
    ] = None,
    home: HomeOption = None,
) -> int:
    """Write the report of a sweep as one HTML file. It opens offline; its path is printed."""
    from lanewise.dashboards.report.build import build

    place, view = opened(sweep, home)
    try:
        say(str(build(view, place, out)), sys.stdout)
    except OSError as error:
        raise SearchError(f"--out: {error.filename or out}: {error.strerror or error}") from None
    return DONE


def ui(
    sweep: SweepArgument = None,
    home: HomeOption = None,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 5000,
) -> int:
    """Serve the home's sweeps in MLflow's own pages. Says where to look; Ctrl-C ends it."""
    from lanewise.dashboards.moved import relocate
    from lanewise.dashboards.state import read_cursor
    from lanewise.dashboards.ui import command, page

    place = Home.find(home)
    view: View | None = None
    try:
        _, view = opened(sweep, home)
    except JournalError as error:
        if sweep is not None:
            raise
        say(f"lanewise: {error}")  # the pages show the other sweeps all the same
    if not (place.root / "mlflow.db").exists():
        raise SearchError(f"there is no mlflow.db in {place.root}: lanewise sync makes one")
    relocate(place)  # a home that was moved since
    words = command(place, None, host=host, port=port)
    if view is None:
        say(f"all sweeps (Ctrl-C ends it):\n{page(host=host, port=port)}")
    else:
        objective, name = view.spec.objective, view.launch.sweep
        cursor = read_cursor(place, name)
        shown = {**vars(objective), "has_view": cursor.has_view, "host": host, "port": port}
        address = page(cursor.experiment_id, name, **shown)
        say(f"{view.launch.name}, best trials first (Ctrl-C ends it):\n{address}")
    os.execv(words[0], words)


def sync(
    sweep: SweepArgument = None,
    home: HomeOption = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            "--tracking-uri", help="with the password that is not kept; or of another MLflow"
        ),
    ] = None,
) -> int:
    """Write a sweep to MLflow anew from its journal. It repairs what is missing or wrong there."""
    from lanewise.dashboards.drain import drain
    from lanewise.launch import sync_uri

    place, view = opened(sweep, home)
    uri = sync_uri(view.launch, place, tracking_uri)
    left = drain(place, view.launch.sweep, rebuild=True, uri=uri)
    more = f"; {left} more were written meanwhile" if left else ""
    say(f"{view.launch.name}: {view.seq + 1} records are in MLflow{more}")
    return DONE


def opened(name: str | None, home: Path | None) -> tuple[Home, View]:
    """The home that is meant, and a sweep of it."""
    place = Home.find(home)
    journal = place.journal()
    return place, open_view(journal, find(journal, name))


def plain_console() -> Any:
    from lanewise.dashboards.console import PlainConsole

    return PlainConsole()


# In the order of the help.
COMMANDS: dict[str, Callable[..., int]] = {
    "ls": list_sweeps,
    "show": show,
    "watch": watch,
    "best": best,
    "report": report,
    "ui": ui,
    "sync": sync,
}
