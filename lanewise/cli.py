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
from lanewise.cluster.serving.errors import ServingError, UsageError
from lanewise.dashboards.errors import ProjectionError
from lanewise.errors import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    NO_BEST,
    NO_SERVICE,
    STORAGE,
    NoModelError,
    SweepFileError,
)
from lanewise.launch import Options, stop
from lanewise.launch import resume as resume_sweep
from lanewise.launch import run as run_sweep
from lanewise.looking import COMMANDS as LOOKING
from lanewise.looking import plain_console
from lanewise.options import (
    AddressOption,
    ExecutorOption,
    HomeOption,
    JsonOption,
    QuietOption,
    SweepArgument,
    TrackingOption,
)
from lanewise.registry.commands import COMMANDS as REGISTRY
from lanewise.registry.errors import RegistryError
from lanewise.search.errors import JournalError, LockedError, SearchError
from lanewise.search.plain import say, tolerate
from lanewise.search.store.home import Home
from lanewise.sections import EXECUTORS
from lanewise.serving import COMMANDS as SERVING
from lanewise.spaces import SpaceError
from lanewise.spaces.errors import nearest
from lanewise.trainables.errors import CheckpointError, TrainableError
from lanewise.usage import complain, help_of, told, typed
from lanewise.using import COMMANDS as USING

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
        return complain(told(error), BAD_INPUT)
    except RayGoneError as error:
        complain(str(error), NO_SERVICE)
        sys.stdout.flush()
        os._exit(NO_SERVICE)  # an orderly end would ask Ray, which ends the process with 1
    except (JournalError, LockedError, ClusterError, ProjectionError, CheckpointError) as error:
        return complain(str(error), NO_SERVICE)
    except ServingError as error:
        return complain(str(error), NO_SERVICE)
    except TrainableError as error:
        if error.__cause__ is not None:  # an exception in a user's own code: where it was raised
            say("".join(traceback.format_exception(error.__cause__)).rstrip())
        return complain(str(error), BAD_INPUT)
    except (SweepFileError, SpaceError, SearchError, RegistryError, UsageError) as error:
        return complain(str(error), BAD_INPUT)
    except NoModelError as error:
        return complain(str(error), NO_BEST)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if isinstance(error, OSError) and error.errno in STORAGE:
            where = f"{error.filename}: " if error.filename else ""
            return complain(f"{where}{error.strerror}", NO_SERVICE)
        say(traceback.format_exc().rstrip())  # a mistake of ours
        return 1


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
    render(plain_console(), made, partial(typed, Home.find()))
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
    summary = run_sweep(sweep, file.absolute().parent, options, new=new)
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


for _name, _command in {**LOOKING, **REGISTRY, **USING, **SERVING}.items():
    app.command(_name)(_command)


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


def _report(summary: dict[str, Any], home: Home, as_json: bool) -> int:
    from lanewise.dashboards.terminal import render_summary

    if as_json:
        print(json.dumps(summary))
    else:
        render_summary(plain_console(), summary, partial(typed, home))
    if summary["status"] == "interrupted":
        return INTERRUPTED
    return DONE if summary["best"] else NO_BEST
