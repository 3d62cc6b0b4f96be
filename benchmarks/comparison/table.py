"""The runs as Markdown tables: medians over the rounds, ratios within each round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from comparison.contenders import Contender
from comparison.records import Run, Settings

HEAD = (
    "| | trials | s a trial | after start-up | to best known | epochs a trial | ms an epoch "
    "| best accuracy | in MLflow |\n|---|---|---|---|---|---|---|---|---|"
)
_QUIET = 0.15  # cores that are busier before a run are worth a warning
_NONE = "not compared"

Clock = Callable[[Run], float]
Ratio = Callable[[Run, Run, Clock], float]  # (run, base, which time)

CLOCKS: dict[str, Clock] = {
    "to drained": lambda run: run.seconds,
    "to best known": lambda run: run.known,
}
RATIOS: dict[str, Ratio] = {
    "a trial": lambda run, base, clock: (clock(run) / run.trials) / (clock(base) / base.trials),
    "start-up spread": lambda run, base, clock: (
        run.spread(clock(run), base.trials) / (clock(base) / base.trials)
    ),
    "an epoch": lambda run, base, clock: (
        (clock(run) / max(1, run.epochs)) / (clock(base) / max(1, base.epochs))
    ),
}


def table(
    settings: Settings, contenders: Sequence[Contender], runs: Mapping[str, Sequence[Run]]
) -> str:
    """Everything that was measured, ready to be pasted.

    Args:
        contenders: the first of Lanewise's is what the others are compared with, or the very first
            one without any.
        runs: by contender.
    """
    base = next((each for each in contenders if each.is_lanewise), contenders[0]).name
    kinds = [f"{clock}: {ratio}" for clock in CLOCKS for ratio in RATIOS]
    others = [each.name for each in contenders if each.name != base]
    lines = [
        HEAD,
        *(_row(each, runs[each.name]) for each in contenders),
        "",
        f"Times as long as {base}, median and range of the ratios within a round:",
        "",
        "| | " + " | ".join(kinds) + " |",
        "|---" * (1 + len(kinds)) + "|",
        *(_against(name, runs[name], runs[base]) for name in others),
        "",
        about(settings, runs),
        *_occupied(base, runs[base]),
        *busy(runs),
    ]
    return "\n".join(lines)


def about(settings: Settings, runs: Mapping[str, Sequence[Run]]) -> str:
    """Rounds, machine and versions in a line."""
    counts = sorted({len(each) for each in runs.values()})
    rounds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return f"Median of {rounds} interleaved rounds; {settings.machine}; {settings.versions}."


def ratios(runs: Sequence[Run], base: Sequence[Run], ratio: Ratio, clock: Clock) -> list[float]:
    """Per round, how many times as long as `base`; complete runs only."""
    reference = {run.round: run for run in base if run.is_complete}
    return [
        ratio(run, reference[run.round], clock)
        for run in runs
        if run.round in reference and run.is_complete
    ]


def shown(found: Sequence[float], *, digits: int = 2) -> str:
    """Median and range."""
    if not found:
        return _NONE
    low, middle, high = min(found), statistics.median(found), max(found)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def busy(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """How busy the machine was with other work, in a line."""
    found = [run.busy for each in runs.values() for run in each]
    if not found:
        return []
    quiet = "" if max(found) <= _QUIET else " The machine was not quiet: do not trust the figures."
    return [
        f"Before the runs the cores were {statistics.median(found):.0%} busy with other work "
        f"(at most {max(found):.0%}).{quiet}"
    ]


def _row(contender: Contender, own: Sequence[Run]) -> str:
    if not own:
        return f"| {contender.name} | not measured | | | | | | | |"

    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(value(run) for run in own)

    cells = [
        contender.name,
        f"{own[0].trials}",
        f"{median(lambda run: run.seconds / run.trials):.3f}",
        f"{median(lambda run: (run.seconds - run.startup) / run.trials):.3f}",
        f"{median(lambda run: run.known / run.trials):.3f}",
        f"{median(lambda run: run.epochs / run.trials):.1f}",
        f"{median(lambda run: 1000 * run.seconds / max(1, run.epochs)):.1f}",
        f"{median(lambda run: run.best):.4f}",
        _statuses(own) if contender.tracked else "none",
    ]
    return "| " + " | ".join(cells) + " |"


def _against(name: str, own: Sequence[Run], base: Sequence[Run]) -> str:
    found = [
        ratios(own, base, ratio, clock) for clock in CLOCKS.values() for ratio in RATIOS.values()
    ]
    return f"| {name} | " + " | ".join(map(shown, found)) + " |"


def _statuses(runs: Sequence[Run]) -> str:
    """Trials of all rounds, by status."""
    names = sorted({name for run in runs for name in run.statuses})
    found = ", ".join(f"{sum(r.statuses.get(n, 0) for r in runs)} {n}" for n in names) or "none"
    missing = sum(not run.is_complete for run in runs)
    return f"{found}; {missing} of {len(runs)} rounds incomplete" if missing else found


def _occupied(name: str, runs: Sequence[Run]) -> list[str]:
    found = [run.occupied for run in runs if run.occupied is not None]
    return [f"Lanes of {name} in use: {shown(found, digits=3)}."] if found else []
