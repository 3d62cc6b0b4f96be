"""Lanewise beside Ray Tune and Optuna on the same work; prints a Markdown table.

    python benchmarks/compare.py [--trials 64] [--documented-trials 16] [--repeats 5] [--seed 0]
        [--contenders NAME,NAME…] [--out build/comparison.jsonl] [--continue]

The work is *digits-mlp* (`digits_mlp/`): a network for scikit-learn's digits, TPE, ASHA from 1 to
27 epochs, two trials at a time on two cores, every trial in MLflow on SQLite. Each contender runs
once a round, in a fresh process with a fresh home and database; the order rotates from round to
round. A run is timed from the launch of its process to its end, and its trials are then counted
in MLflow: one that is not complete there is not compared. Each finished run is added to --out at
once, so that an interrupted comparison can go on with --continue.

Ray Tune as documented takes seconds a trial, so it gets fewer trials (--documented-trials); its
start-up is spread over as many as the others'.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from comparison import contenders
from comparison.contenders import Contender
from comparison.machine import machine, versions
from comparison.records import Results, Settings
from comparison.runner import RunError, run, use_two_cores
from comparison.table import table

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parse(arguments)
    use_two_cores()
    settings = Settings(asked.trials, asked.documented_trials, asked.seed, machine(), versions())
    try:
        results = Results(asked.out, settings, go_on=asked.go_on)
    except ValueError as error:
        print(f"compare: {error}", file=sys.stderr)
        return BAD_INPUT
    names = [contender.name for contender in asked.contenders]
    tracked = [contender.name for contender in asked.contenders if contender.tracked]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it must not leave a run behind
    try:
        failures = measure(asked.contenders, asked.repeats, settings, results)
    except KeyboardInterrupt:
        print(f"compare: interrupted; --continue goes on from {asked.out}", file=sys.stderr)
        return INTERRUPTED
    print(table(settings, results.of(names), tracked))
    return FAILED if failures else 0


def measure(asked: Sequence[Contender], rounds: int, settings: Settings, results: Results) -> int:
    """Run what is not in the results yet; how many runs failed."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    failures = 0
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("", total=rounds * len(asked))
        for number, contender in schedule(asked, rounds):
            progress.update(task, description=f"round {number + 1}: {contender.name}")
            trials = settings.documented_trials if contender.slow else settings.trials
            if not results.has(contender.name, number):
                try:
                    done = run(contender, trials, settings.seed + number, number)
                except RunError as failure:
                    failures += 1
                    console.print(f"round {number + 1}: {contender.name} failed: {failure}")
                else:
                    results.add(done)
                    console.print(
                        f"round {number + 1}: {contender.name} {done.seconds:.1f} s, "
                        f"{sum(done.statuses.values())} trials, {done.epochs} epochs, "
                        f"best {done.best:.4f}"
                    )
            progress.advance(task)
    return failures


def schedule(asked: Sequence[Contender], rounds: int) -> Iterator[tuple[int, Contender]]:
    """Everyone once a round, each round begun by the next one."""
    for number in range(rounds):
        first = number % len(asked)
        for contender in (*asked[first:], *asked[:first]):
            yield number, contender


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=whole, default=64)
    parser.add_argument("--documented-trials", type=whole, default=16)
    parser.add_argument("--repeats", type=whole, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/comparison.jsonl"))
    parser.add_argument("--continue", dest="go_on", action="store_true")
    parser.add_argument(
        "--contenders",
        type=named,
        default=named(",".join(contenders.DEFAULT)),
        help=f"of {', '.join(contenders.NAMES)}",
    )
    asked = parser.parse_args(arguments)
    asked.documented_trials = min(asked.documented_trials, asked.trials)
    return asked


def whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def named(text: str) -> list[Contender]:
    try:
        return [contenders.find(name.strip()) for name in dict.fromkeys(text.split(","))]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
