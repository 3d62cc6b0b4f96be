"""How good the best configuration is after the same number of trials; prints a Markdown table.

    python benchmarks/quality.py [--trials 100] [--rounds 5] [--seed 0] [--contenders NAME,NAME…]
        [--out build/quality.jsonl] [--continue]

The work is that of compare.py, with the same number of trials for everyone and another seed in each
round. The table shows each contender's best validation accuracy at any epoch of any trial, the
median over the seeds, what Lanewise's median is above the contender's, and the seconds it took.
Everyone's rows for validation are the same 597, so one more of them right is 0.0017.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from comparison.contenders import KNOWN, Contender
from comparison.records import Run, Settings
from comparison.rounds import carry_out, parse
from comparison.table import about, busy, shown

TRIALS = 100
DEFAULT = ("lanewise-packed", "optuna-memory", "ray-reuse")
HEAD = (
    "| | trials | epochs a trial | best accuracy | {base} above it | s |\n|---|---|---|---|---|---|"
)


def main(arguments: Sequence[str] | None = None) -> int:
    known = {name: replace(contender, trials=TRIALS) for name, contender in KNOWN.items()}
    return carry_out(parse(arguments, "quality", __doc__, known, DEFAULT), table)


def table(
    settings: Settings, contenders: Sequence[Contender], runs: Mapping[str, Sequence[Run]]
) -> str:
    """Best accuracies; the first of Lanewise's is what the others are compared with."""
    base = next((each for each in contenders if each.is_lanewise), contenders[0]).name
    rows = [_row(name, own, median(runs[base])) for name, own in runs.items()]
    best = max((median(own) for name, own in runs.items() if name != base), default=float("nan"))
    verdict = f"{base}'s median is {median(runs[base]) - best:+.4f} above the best other one."
    return "\n".join(
        [HEAD.format(base=base), *rows, "", verdict, about(settings, runs), *busy(runs)]
    )


def median(runs: Sequence[Run]) -> float:
    """Of the best accuracies of complete runs; NaN without any."""
    found = [run.best for run in runs if run.is_complete]
    return statistics.median(found) if found else float("nan")


def _row(name: str, own: Sequence[Run], base: float) -> str:
    if not own:
        return f"| {name} | not measured | | | | |"
    cells = [
        name,
        f"{own[0].trials}",
        f"{statistics.median(run.epochs / run.trials for run in own):.1f}",
        shown([run.best for run in own if run.is_complete], digits=4),
        f"{base - median(own):+.4f}",
        f"{statistics.median(run.seconds for run in own):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
