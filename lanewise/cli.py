"""The command line. Results go to standard output; progress, notes and errors to standard error."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from lanewise.cluster.errors import ClusterError, RayGoneError
from lanewise.dashboards.errors import ProjectionError
from lanewise.errors import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    NO_BEST,
    NO_SERVICE,
    STORAGE,
    SweepFileError,
)
from lanewise.launch import Options, stop
from lanewise.launch import resume as resume_sweep
from lanewise.launch import run as run_sweep
from lanewise.options import (
    AddressOption,
    ExecutorOption,
    HomeOption,
    JsonOption,
    QuietOption,
    SweepArgument,
    TrackingOption,
)
from lanewise.search.errors import JournalError, LockedError, SearchError, no_sweeps
from lanewise.search.plain import say, tolerate
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, find, open_view
from lanewise.sections import EXECUTORS
from lanewise.spaces import SpaceError
from lanewise.spaces.errors import nearest
from lanewise.trainables.errors import TrainableError
from lanewise.usage import help_of, told, typed

# Typer carries a click of its own and exports only this leaf of its usage errors.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])

app = typer.Typer(
    help="Tunes PyTorch networks: one command, every trial in MLflow, a best configuration.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def run(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code. A user's mistake is one line on stderr."""
    tolerate()
    try:
        code = app(list(arguments), standalone_mode=False)
        return code if isinstance(code, int) else DONE
    except _UsageError as error:
        return _say(told(error), BAD_INPUT)
    except RayGoneError as error:
        _say(str(error), NO_SERVICE)
        sys.stdout.flush()
        os._exit(NO_SERVICE)  # an orderly end would ask Ray, which ends the process with 1
    except (JournalError, LockedError, ClusterError, ProjectionError) as error:
        return _say(str(error), NO_SERVICE)
    except TrainableError as error:
        if error.__cause__ is not None:  # an exception in a user's own code: where it was raised
            say("".join(traceback.format_exception(error.__cause__)).rstrip())
        return _say(str(error), BAD_INPUT)
    except (SweepFileError, SpaceError, SearchError) as error:
        return _say(str(error), BAD_INPUT)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if isinstance(error, OSError) and error.errno in STORAGE:
            where = f"{error.filename}: " if error.filename else ""
            return _say(f"{where}{error.strerror}", NO_SERVICE)
        say(traceback.format_exc().rstrip())  # a mistake of ours
        return 1


def _say(message: str, code: int) -> int:
    say("lanewise: " + " ".join(message.split()))
    return code


def _version(asked: bool) -> None:
    if asked:
        import lanewise

        print(f"lanewise {lanewise.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="print the version"),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


# -- running ---------------------------------------------------------------------------------


@app.command("init")
def init_command(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="a file, a folder, or a source (sklearn:digits)")
    ],
    target: Annotated[
        str | None, typer.Option("--target", help="the column to predict [default: target, y, …]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="the sweep file [default: ./NAME.yaml]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there")] = False,
) -> int:
    """Look at data, and write a commented sweep file for them."""
    from lanewise.init import draft, render, write

    made = draft(data, target, out)
    write(made, force=force)
    render(_console(), made, partial(typed, Home.find()))
    return DONE


@app.command("run")
def run_command(
    file: Annotated[Path, typer.Argument(help="the sweep file")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="such as budget.trials=20")
    ] = None,
    executor: ExecutorOption = None,
    home: HomeOption = None,
    address: AddressOption = None,
    tracking_uri: TrackingOption = None,
    new: Annotated[bool, typer.Option("--new", help="even if one of its name is open")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Run a sweep file."""
    from lanewise.sweepfile import read

    asked = [*(overrides or ()), *([f"executor={executor}"] if executor else ())]
    sweep = read(file, asked)
    options = Options(Home.find(home), None, address, tracking_uri, not quiet)
    _, summary = run_sweep(sweep, file.absolute().parent, options, new=new)
    return _report(summary, options.home, as_json)


@app.command()
def resume(
    sweep: SweepArgument = None,
    executor: ExecutorOption = None,
    home: HomeOption = None,
    address: AddressOption = None,
    tracking_uri: TrackingOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Go on with a sweep that was interrupted or killed."""
    if executor is not None and executor not in EXECUTORS:
        words = f"{', '.join(EXECUTORS[:-1])} or {EXECUTORS[-1]}"
        hint = nearest(executor, EXECUTORS)
        raise SweepFileError(f"--executor: must be {words}, got '{executor}'{hint}")
    options = Options(Home.find(home), executor, address, tracking_uri, not quiet)
    return _report(resume_sweep(sweep, options), options.home, as_json)


@app.command("stop")
def stop_command(sweep: SweepArgument = None, home: HomeOption = None) -> int:
    """End a sweep for good; its running trials are cancelled."""
    say(stop(sweep, Home.find(home)))
    return DONE


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="the sweep file")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    as_json: JsonOption = False,
) -> int:
    """Check a sweep file and its data without starting anything."""
    from lanewise.beforehand import examined
    from lanewise.describe import describe, sentences
    from lanewise.plan import make_plan
    from lanewise.sweepfile import read

    plan = examined(make_plan(read(file, overrides or ()), file.absolute().parent))
    about = describe(plan)
    say(json.dumps(about) if as_json else "\n".join(sentences(about)), sys.stdout)
    return DONE


# -- looking -----------------------------------------------------------------------------------


@app.command("ls")
def list_command(home: HomeOption = None, as_json: JsonOption = False) -> int:
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
        render_listing(_console(), found)
    return DONE


@app.command()
def show(
    sweep: SweepArgument = None,
    trial: Annotated[int | None, typer.Option("--trial", help="one trial, whole")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show a sweep, its trials and what failed in them."""
    from lanewise.dashboards.summary import history, summary
    from lanewise.dashboards.terminal import render_sweep, render_trial

    place, view = _view(sweep, home)
    if trial is not None and trial not in view.history.trials:
        raise SearchError(f"--trial: {view.launch.name} has no trial {trial}")
    if as_json:
        trials = history(view)
        whole = {**summary(view, place), "history": trials}
        print(json.dumps(whole if trial is None else trials[trial]))
    elif trial is not None:
        render_trial(_console(), view, trial)
    else:
        render_sweep(_console(), view, place)
    return DONE


@app.command()
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

    place, console = Home.find(home), _console()
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


@app.command()
def best(
    sweep: SweepArgument = None,
    top: Annotated[int, typer.Option("--top", min=1, help="that many, best first")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="write the best as a sweep file of constants")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the best configuration, or write it as a sweep file."""
    from lanewise.dashboards.summary import best as best_of
    from lanewise.dashboards.terminal import render_best
    from lanewise.describe import constants, left_out

    _, view = _view(sweep, home)
    found = best_of(view, top)
    if not found:
        return _say(f"{view.launch.name} has no usable best yet", NO_BEST)
    if out is not None:
        try:
            out.write_text(constants(view, found[0]), encoding="utf-8")
        except OSError as error:
            raise SearchError(f"--out: {out}: {error.strerror or error}") from None
        say(f"wrote {out}: lanewise run {out}")
        if missing := left_out(view):
            say(f"lanewise: {missing}")
    if as_json:
        mine = [{"sweep": view.launch.sweep, **one} for one in found]
        print(json.dumps(mine[0] if top == 1 else mine))
    else:
        render_best(_console(), view, top)
    return DONE


@app.command()
def report(
    sweep: SweepArgument = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="the file [default: HOME/reports/SWEEP.html]")
    ] = None,
    home: HomeOption = None,
) -> int:
    """Write the report of a sweep as one HTML file. It opens offline; its path is printed."""
    from lanewise.dashboards.report.build import build

    place, view = _view(sweep, home)
    try:
        say(str(build(view, place, out)), sys.stdout)
    except OSError as error:
        raise SearchError(f"--out: {error.filename or out}: {error.strerror or error}") from None
    return DONE


@app.command()
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
        _, view = _view(sweep, home)
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


@app.command()
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

    place, view = _view(sweep, home)
    uri = sync_uri(view.launch, place, tracking_uri)
    left = drain(place, view.launch.sweep, rebuild=True, uri=uri)
    more = f"; {left} more were written meanwhile" if left else ""
    say(f"{view.launch.name}: {view.seq + 1} records are in MLflow{more}")
    return DONE


# -- around ------------------------------------------------------------------------------------


@app.command("help")
def help_command(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]")] = None,
) -> int:
    """Show what a command does and takes."""
    print(help_of(context, command or ()))
    return DONE


@app.command()
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="the reference for people instead")
    ] = False,
) -> int:
    """Print the JSON schema of the sweep file, for editors."""
    from lanewise.reference import markdown as reference
    from lanewise.schema import json_schema

    say(reference().rstrip() if markdown else json.dumps(json_schema(), indent=2), sys.stdout)
    return DONE


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> int:
    """Check this machine: versions, home, devices, Ray."""
    from lanewise.doctor import examine

    findings = examine(Home.find(home))
    if as_json:
        print(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            line = f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}: {finding.detail}"
            say(line, sys.stdout)
    return DONE if all(finding.ok for finding in findings) else NO_SERVICE


def _view(name: str | None, home: Path | None) -> tuple[Home, View]:
    place = Home.find(home)
    journal = place.journal()
    return place, open_view(journal, find(journal, name))


def _report(summary: dict[str, Any], home: Home, as_json: bool) -> int:
    from lanewise.dashboards.terminal import render_summary

    if as_json:
        print(json.dumps(summary))
    else:
        render_summary(_console(), summary, partial(typed, home))
    if summary["status"] == "interrupted":
        return INTERRUPTED
    return DONE if summary["best"] else NO_BEST


def _console() -> Any:
    from lanewise.dashboards.console import PlainConsole

    return PlainConsole()
