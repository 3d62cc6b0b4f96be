"""Rounds of runs: the command line that compare.py, auto.py and quality.py share.

Every contender runs once a round, in a fresh process with a fresh home; the order rotates from
round to round. Each finished run is kept in --out at once, so that what was interrupted goes on
with --continue.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from comparison import contenders
from comparison.contenders import Contender
from comparison.machine import machine, versions
from comparison.records import Results, Run, Settings
from comparison.runner import RunError, run, use_two_cores

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130

Show = Callable[[Settings, Sequence[Contender], Mapping[str, Sequence[Run]]], str]


def carry_out(asked: argparse.Namespace, show: Show) -> int:
    """Run what is not in the results yet, and print what `show` makes of all; the exit code."""
    use_two_cores()
    settings = Settings(asked.seed, machine(), versions())
    try:
        results = Results(asked.out, settings, go_on=asked.go_on)
        for contender in asked.contenders:
            results.expect(contender.name, contender.trials)
    except ValueError as error:
        print(f"{asked.program}: {error}", file=sys.stderr)
        return BAD_INPUT
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it must not leave a run behind
    try:
        failures = measure(asked.contenders, results)
    except KeyboardInterrupt:
        print(f"{asked.program}: interrupted; --continue goes on from {asked.out}", file=sys.stderr)
        return INTERRUPTED
    names = [contender.name for contender in asked.contenders]
    print(show(settings, asked.contenders, results.of(names)))
    return FAILED if failures else 0


def measure(asked: Sequence[Contender], results: Results) -> int:
    """Run what is not in the results yet; how many runs failed."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    failures = 0
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("", total=sum(contender.rounds for contender in asked))
        for number, contender in schedule(asked):
            label = f"round {number + 1}: {contender.name}"
            progress.update(task, description=label)
            if not results.has(contender.name, number):
                try:
                    done = run(contender, results.settings.seed + number, number)
                except RunError as failure:
                    failures += 1
                    console.print(f"{label} failed: {failure}")
                else:
                    results.add(done)
                    console.print(f"{label} {told(done)}")
            progress.advance(task)
    return failures


def told(done: Run) -> str:
    return (
        f"{done.seconds:.1f} s, {sum(done.statuses.values())} trials, {done.epochs} epochs, "
        f"best {done.best:.4f}"
    )


def schedule(asked: Sequence[Contender]) -> Iterator[tuple[int, Contender]]:
    """Everyone once a round, each round begun by the next one."""
    for number in range(max(contender.rounds for contender in asked)):
        first = number % len(asked)
        for contender in (*asked[first:], *asked[:first]):
            if number < contender.rounds:
                yield number, contender


def parse(
    arguments: Sequence[str] | None,
    program: str,
    about: str | None,
    known: Mapping[str, Contender] = contenders.KNOWN,
    default: Sequence[str] = contenders.DEFAULT,
) -> argparse.Namespace:
    """The command line's; `contenders` of it with their numbers of trials and rounds."""
    parser = argparse.ArgumentParser(prog=program, description=(about or "").partition("\n")[0])
    amount = partial(_amount, known=known)
    for word in ("trials", "rounds"):
        parser.add_argument(
            f"--{word}",
            type=amount,
            action="append",
            default=[],
            metavar="[NAME=]N",
            help=f"{word} of every contender, or of one; may be given several times",
        )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(f"build/{program}.jsonl"))
    parser.add_argument("--continue", dest="go_on", action="store_true")
    parser.add_argument(
        "--contenders",
        type=partial(_named, known=known),
        default=",".join(default),
        help=f"of {', '.join(known)}",
    )
    asked = parser.parse_args(arguments)
    asked.program = program
    names = [contender.name for contender in asked.contenders]
    for word in ("trials", "rounds"):
        given = dict(getattr(asked, word))
        if strangers := [name for name in given if name and name not in names]:
            parser.error(f"--{word}: {', '.join(strangers)} takes no part")
        asked.contenders = [_with(each, word, given) for each in asked.contenders]
    return asked


def _with(contender: Contender, word: str, given: Mapping[str, int]) -> Contender:
    """What is given for its name wins over what is given for everyone."""
    number = given.get(contender.name, given.get("", getattr(contender, word)))
    return replace(contender, **{word: number})


def _amount(text: str, known: Mapping[str, Contender]) -> tuple[str, int]:
    """`N`, for everyone, with "" for a name; or `NAME=N`."""
    name, _, number = text.rpartition("=")
    try:
        if name:
            contenders.find(name, known)
        if int(number) < 1:
            raise ValueError(f"{number} is not 1 or more")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, int(number)


def _named(text: str, known: Mapping[str, Contender]) -> list[Contender]:
    try:
        return [contenders.find(name.strip(), known) for name in dict.fromkeys(text.split(","))]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
