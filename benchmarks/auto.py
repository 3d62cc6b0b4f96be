"""Whether `executor: auto` chooses well: whole runs of packed, tune and auto, in a Markdown table.

    python benchmarks/auto.py [--trials [NAME=]N]… [--rounds 5] [--seed 0]
        [--contenders NAME,NAME…] [--out build/auto.jsonl] [--continue]

Two workloads, each by three executors that take turns, a run of each in a round:

    wide    784-512-512-10, batches of 256, 4,000 made-up rows, 3 epochs; 12 trials, random search,
            no scheduler: training fills the cores, and packs have little to gain
    digits  the work of compare.py, 200 trials: packs gain much

The ratio is the time of the better of packed and tune over that of auto, within each round: 1 where
auto costs nothing, below 0.95 where it chose badly or took long to choose. Both for the whole of
`lanewise run`, from launch to drained, and to its last decision.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence

from comparison import wide
from comparison.contenders import Contender, LayOut, lanewise
from comparison.records import Run, Settings
from comparison.rounds import carry_out, parse
from comparison.table import CLOCKS, Clock, about, busy, shown
from digits_mlp import ours

EXECUTORS = ("packed", "tune", "auto")
WORKLOADS: dict[str, tuple[int, LayOut]] = {
    "wide": (12, wide.lay_out),
    "digits": (200, ours.lay_out),
}
KNOWN = {
    name: lanewise(executor, trials, name=name, lay_out=lay_out)
    for workload, (trials, lay_out) in WORKLOADS.items()
    for executor in EXECUTORS
    for name in [f"{workload}-{executor}"]
}


def main(arguments: Sequence[str] | None = None) -> int:
    return carry_out(parse(arguments, "auto", __doc__, KNOWN, tuple(KNOWN)), table)


def table(
    settings: Settings, contenders: Sequence[Contender], runs: Mapping[str, Sequence[Run]]
) -> str:
    """Each executor's times, and auto against the better of the others."""
    kinds = "".join(f" {kind}: s | the better / auto |" for kind in CLOCKS)
    lines = [f"| | trials |{kinds}", "|---" * (2 + 2 * len(CLOCKS)) + "|"]
    for contender in contenders:
        workload = contender.name.rpartition("-")[0]
        lines.append(_row(contender, runs, workload))
    return "\n".join([*lines, "", about(settings, runs), *busy(runs)])


def _row(contender: Contender, runs: Mapping[str, Sequence[Run]], workload: str) -> str:
    own = runs[contender.name]
    cells = [contender.name, f"{contender.trials}"]
    for clock in CLOCKS.values():
        cells.append(f"{statistics.median(map(clock, own)):.1f}" if own else "not measured")
        is_auto = contender.name.endswith("-auto")
        cells.append(shown(against_the_better(runs, workload, clock)) if is_auto else "")
    return "| " + " | ".join(cells) + " |"


def against_the_better(
    runs: Mapping[str, Sequence[Run]], workload: str, clock: Clock
) -> list[float]:
    """Per round with all three executors complete, the better one's time over auto's."""
    found = {
        executor: {
            run.round: clock(run)
            for run in runs.get(f"{workload}-{executor}", ())
            if run.is_complete
        }
        for executor in EXECUTORS
    }
    rounds = set.intersection(*(set(times) for times in found.values()))
    return [
        min(found["packed"][number], found["tune"][number]) / found["auto"][number]
        for number in sorted(rounds)
    ]


if __name__ == "__main__":
    sys.exit(main())
