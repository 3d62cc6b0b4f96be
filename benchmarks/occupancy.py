"""How full the lanes of a packed sweep were between the first fill and the last ask.

    python benchmarks/occupancy.py [--trials 1000] [--executor packed] [--seed 0]
    python benchmarks/occupancy.py --home FOLDER [--sweep NAME]

Runs *digits-mlp* (`digits_mlp/`) once in a temporary home, or reads the journal of a sweep that has
ended, and prints the share of lanes occupied: the time-integral of the trials that were asked for
and had not ended, over capacity × span. `comparison/occupied.py` says how it is defined. A trial
that waits for a decision, or for its worker to seat it, counts as occupying its lane; what the
workers say of their lanes themselves, in notes on `lanes`, is printed beside it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from comparison.contenders import EXECUTORS, lanewise
from comparison.machine import machine, versions
from comparison.occupied import Occupancy, occupancy
from comparison.runner import RunError, run_in, use_two_cores
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, find, open_view

BAD_INPUT, FAILED = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--executor", choices=EXECUTORS, default="packed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="where a sweep has ended")
    parser.add_argument("--sweep", help="its name or id [default: the newest]")
    asked = parser.parse_args(arguments)
    try:
        if asked.home:
            print(told(of(asked.home, asked.sweep)))
            return 0
        use_two_cores()
        home = Path(tempfile.mkdtemp(prefix="occupancy-"))  # kept, with its log, where it fails
        contender = lanewise(asked.executor, asked.trials)
        contender.lay_out(home)
        seconds = run_in(home, contender, asked.seed)
        print(told(of(home, None)))
        shutil.rmtree(home, ignore_errors=True)
        print(f"{seconds:.1f} s from launch to drained; {machine()}; {versions()}.")
    except SearchError as error:
        print(f"occupancy: {error}", file=sys.stderr)
        return BAD_INPUT
    except RunError as error:
        print(f"occupancy: {error}", file=sys.stderr)
        return FAILED
    return 0


def of(home: Path, name: str | None) -> View:
    journal = Home(home.absolute()).journal()
    return open_view(journal, find(journal, name))


def told(view: View) -> str:
    """A sweep's occupancy, in lines."""
    found = occupancy(view.journal.read(view.launch.sweep))
    executor = view.history.opened.executor if view.history.opened else "no executor"
    head = f"{view.launch.name} on {executor}, {len(view.history)} trials: "
    return head + (_lines(found) if found else "no lane was refilled, there is nothing to measure")


def _lines(found: Occupancy) -> str:
    whose = "as the executor says" if found.stated else "the most at once"
    lines = [
        f"{found.share:.1%} of {found.capacity} lanes ({whose}) occupied",
        f"from {found.filled:.2f} s after the first ask, the first fill, "
        f"to {found.last_ask:.2f} s, the last ask ({found.with_filling:.1%} with the filling)",
        *(f"lanes: {note}" for note in found.notes),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
