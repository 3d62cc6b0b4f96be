"""How the command line is learned: hints for what is no option, completion, help, what to type."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from lanewise.search.plain import say
from lanewise.search.store.home import Home


def told(error: Any) -> str:
    """A mistake in the command line; a key of the sweep file is no option but ``key=value``.

    Args:
        error: click's UsageError.
    """
    message = str(error.format_message()).rstrip(".")
    message = re.sub(r"Input should be a valid integer.*", "must be a whole number", message)
    message = re.sub(r"Input should be a valid number.*", "must be a number", message)
    message = message.replace("Input should be", "must be")
    option = str(getattr(error, "option_name", "")).strip("-").replace("-", "_")
    if not option or set(getattr(error, "possibilities", None) or ()) - {"--help"}:
        return message
    from lanewise.sweepfile import meant

    keys = " or ".join(f"{key}=…" for key in meant(option))
    if not keys:
        return message
    return f"No such option: --{option}; a key of the sweep file is given as {keys}"


def complain(message: str, code: int) -> int:
    """Says what is wrong in one line, on standard error; gives the exit code back."""
    say("lanewise: " + " ".join(message.split()))
    return code


def help_of(context: typer.Context, command: Sequence[str]) -> str:
    """The help of a command, or of all where none is named."""
    group: Any = context.parent.command if context.parent else None
    for name in command:
        found = group.get_command(context.parent, name)
        if found is None:
            context.fail(f"No such command '{name}'.")
        with typer.Context(found, info_name=name, parent=context.parent) as inner:
            return str(found.get_help(inner))
    return str(context.parent.get_help() if context.parent else "")


def sweep_names(context: typer.Context, incomplete: str) -> list[str]:
    """The sweeps of the home, newest first, for a shell's completion; it must never fail."""
    try:
        journal = Home.find(context.params.get("home")).journal()
        launches = [launch for launch, _ in journal.launches()]
        journal.close()
    except Exception:
        return []
    names = [name for launch in reversed(launches) for name in (launch.name, launch.sweep)]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def typed(home: Home, *words: str) -> str:
    """One of our commands as it can be typed here: the program as it was called, and the home."""
    program = Path(sys.argv[0]).absolute()
    found = shutil.which(program.name)
    if found and Path(found).absolute() == program:
        name = program.name
    elif program.is_relative_to(Path.cwd()):
        name = str(program.relative_to(Path.cwd()))
    else:
        name = sys.argv[0]
    where = [] if home == Home.find() else ["--home", str(home.root)]
    return shlex.join([name, *words, *where])
