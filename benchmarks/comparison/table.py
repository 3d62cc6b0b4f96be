"""The runs as a Markdown table: medians over the rounds, ratios within each round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from comparison.contenders import LANEWISE
from comparison.records import Run, Settings

HEAD = (
    "| | s a trial | after start-up | epochs a trial | ms an epoch | best accuracy "
    "| times {base} | in MLflow |\n|---|---|---|---|---|---|---|---|"
)
_QUIET = 0.15  # cores that are busier before a run are worth a warning


def table(settings: Settings, runs: Mapping[str, Sequence[Run]], tracked: Sequence[str]) -> str:
    """Everything that was measured, ready to be pasted.

    Args:
        runs: by contender; the first of Lanewise's is what the others are compared with, or the
            very first one without any.
        tracked: those whose trials must stand in MLflow.
    """
    base = next((name for name in runs if name.startswith(LANEWISE)), next(iter(runs)))
    rows = [_row(name, settings, runs, base, name in tracked) for name in runs]
    notes = [_fewer(settings, runs), _best_known(runs[base], settings), _busy(runs)]
    lines = [HEAD.format(base=base), *rows, "", about(settings, runs)]
    return "\n".join([*lines, *(note for note in notes if note)])


def about(settings: Settings, runs: Mapping[str, Sequence[Run]]) -> str:
    rounds = len({run.round for each in runs.values() for run in each})
    return (
        f"{settings.trials} trials, median of {rounds} interleaved rounds; "
        f"{settings.machine}; {settings.versions}."
    )


def ratios(runs: Sequence[Run], base: Sequence[Run], trials: int) -> list[float]:
    """Per round, how many times as long a trial takes as one of `base`; complete runs only."""
    reference = {run.round: run for run in base if run.is_complete}
    return [
        run.per_trial(trials) / reference[run.round].per_trial(trials)
        for run in runs
        if run.round in reference and run.is_complete
    ]


def _row(
    name: str,
    settings: Settings,
    runs: Mapping[str, Sequence[Run]],
    base: str,
    is_tracked: bool,
) -> str:
    own = runs[name]
    if not own:
        return f"| {name} | not measured | | | | | | |"

    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(value(run) for run in own)

    cells = [
        name,
        f"{median(lambda run: run.per_trial(settings.trials)):.3f}",
        f"{median(lambda run: (run.seconds - run.startup) / run.trials):.3f}",
        f"{median(lambda run: run.epochs / run.trials):.1f}",
        f"{median(lambda run: 1000 * run.seconds / max(1, run.epochs)):.0f}",
        f"{median(lambda run: run.best):.4f}",
        "1" if name == base else _ratio(ratios(own, runs[base], settings.trials)),
        _statuses(own) if is_tracked else "none",
    ]
    return "| " + " | ".join(cells) + " |"


def _ratio(found: Sequence[float]) -> str:
    if not found:
        return "not compared"
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def _statuses(runs: Sequence[Run]) -> str:
    """Trials of all rounds, by status."""
    names = sorted({name for run in runs for name in run.statuses})
    found = ", ".join(f"{sum(r.statuses.get(n, 0) for r in runs)} {n}" for n in names) or "none"
    missing = sum(not run.is_complete for run in runs)
    return f"{found}; {missing} of {len(runs)} rounds incomplete" if missing else found


def _fewer(settings: Settings, runs: Mapping[str, Sequence[Run]]) -> str:
    names = [n for n, each in runs.items() if any(r.trials != settings.trials for r in each)]
    if not names:
        return ""
    return (
        f"{', '.join(names)}: measured with {settings.documented_trials} trials; its start-up is "
        f"spread over {settings.trials}, as for the others."
    )


def _best_known(runs: Sequence[Run], settings: Settings) -> str:
    known = [run.best_known / run.trials for run in runs if run.best_known is not None]
    if not known:
        return ""
    median = statistics.median(known)
    return f"{runs[0].contender}, to its last decision by its own clock: {median:.3f} s a trial."


def _busy(runs: Mapping[str, Sequence[Run]]) -> str:
    busy = [run.busy for each in runs.values() for run in each]
    if not busy:
        return ""
    quiet = "" if max(busy) <= _QUIET else " The machine was not quiet: do not trust the figures."
    return (
        f"Before the runs the cores were {statistics.median(busy):.0%} busy with other work "
        f"(at most {max(busy):.0%}).{quiet}"
    )
