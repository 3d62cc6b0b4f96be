"""Sweeps and trials on a terminal, on a rich console that the caller gives.

Plain text with a little bold: it reads the same without colours, fits 80 columns, and never cuts a
traceback. What comes from users is never taken for markup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lanewise.dashboards.state import pending
from lanewise.dashboards.summary import Summary
from lanewise.dashboards.summary import summary as summarised
from lanewise.dashboards.words import counted, duration, ending, number, one_line, settings
from lanewise.search.history import Trial
from lanewise.search.home import Home
from lanewise.search.view import View

MOST_TRIALS = 50  # in the table of `show`; `show --json` has all


def render_listing(console: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """The table of ``ls``, from ``summary.listing``."""
    if not found:
        _say(console, "No sweeps in this home yet.")
        return
    table = _table("sweep", "status", "trials", "best", "began")
    for sweep in found:
        best = sweep["best"]
        value = f"{sweep['objective']} {number(best['value'])}" if best else "–"
        trials = sweep["trials"]
        began = _clock(sweep["launched_at"])
        _row(table, sweep["sweep"], sweep["status"], str(trials["asked"]), value, began)
    console.print(table)
    for sweep in found:
        if "error" in sweep:
            _say(console, sweep["error"])


def render_sweep(console: Console, view: View, home: Home) -> None:
    """A sweep: what it is, its best configuration, its trials best first, and every failure."""
    body = summarised(view, home)
    _headline(console, body)
    _say(console, _task(view))
    _notes(console, body.notes)
    _best(console, body["best"])
    _trials(console, view, body["status"] == "interrupted")
    for trial in view.history:
        _failures(console, trial)
    if left := pending(home, view.launch.sweep, view.journal):
        _say(console, f"\nMLflow does not show the last {left} records yet (lanewise sync).")


def render_trial(console: Console, view: View, trial_number: int) -> None:
    """One trial, whole: its configuration, its metrics by epoch, its failures."""
    trial = view.history.trials[trial_number]
    _say(console, f"trial {trial.number} of {view.launch.name}: {ending(trial)}", bold=True)
    attempts = f", {trial.attempt} attempts" if trial.attempt > 1 else ""
    _say(console, f"{trial.epoch} epochs{attempts}\n")
    _pairs(console, settings(trial.params))
    _curve(console, view, trial)
    _failures(console, trial)


def render_best(console: Console, view: View, top: int = 1) -> None:
    """The best configurations, best first."""
    for place, trial in enumerate(view.history.ranked()[:top], 1):
        if trial.best is None:
            continue
        metric = view.spec.objective.metric
        head = f"{metric} {number(trial.best[1])}  (trial {trial.number}, epoch {trial.best[0]})"
        _say(console, f"{place}. {head}" if top > 1 else head, bold=True)
        _pairs(console, settings(trial.params))
        if place < top:
            console.print()


def render_summary(
    console: Console, summary: Mapping[str, Any], command: Callable[..., str]
) -> None:
    """The end of a run.

    Args:
        summary: with its notes, if it is one of ``summary.summary``.
        command: the words of one of our commands ("show", sweep) as a person would type it here.
    """
    console.print()
    _headline(console, summary)
    if isinstance(summary, Summary):
        _notes(console, summary.notes)
    _best(console, summary["best"])
    sweep, left = summary["sweep"], summary["mlflow"]["pending"]
    console.print()
    if left:
        _say(console, f"MLflow lacks the last {left} records; later: {command('sync', sweep)}")
    commands = [("all trials", command("show", sweep)), ("MLflow", command("ui"))]
    if summary["report"]:
        commands.insert(0, ("report", summary["report"]))
    if summary["status"] == "interrupted":
        commands.insert(0, ("go on", command("resume", sweep)))
    _pairs(console, commands)


# -- parts ---------------------------------------------------------------------------------------


def _headline(console: Console, summary: Mapping[str, Any]) -> None:
    time_ = duration(summary["seconds"])
    executor = f" ({summary['executor']})" if summary["executor"] else ""
    _say(console, f"{summary['name']}: {summary['status']}, {time_}{executor}", bold=True)
    _say(console, counted(summary["trials"]))


def _notes(console: Console, notes: Mapping[str, str]) -> None:
    for topic, text in notes.items():
        _say(console, f"{topic}: {' '.join(text.split())}")


def _task(view: View) -> str:
    spec = view.spec
    verb = "maximize" if spec.objective.mode == "max" else "minimize"
    budget = f"{spec.budget.trials} trials of " if spec.budget.trials else ""
    began = _clock(view.launched_at)
    return (
        f"{verb} {spec.objective.metric} with {spec.sampler.name} and {spec.scheduler.name}, "
        f"{budget}up to {spec.budget.epochs} epochs, seed {spec.seed}; {view.launch.sweep}, "
        f"begun {began}"
    )


def _clock(at: float | None) -> str:
    if at is None:
        return "–"
    with suppress(OverflowError, ValueError, OSError):  # a time that no calendar has
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    return "–"


def _best(console: Console, best: Mapping[str, Any] | None) -> None:
    if best is None:
        _say(console, "\nNo trial has reported a usable value.")
        return
    _say(console, f"\nBest: trial {best['trial']}, epoch {best['epoch']}", bold=True)
    _pairs(console, ((name, number(value)) for name, value in best["metrics"].items()))
    _say(console, "\nIts configuration", bold=True)
    _pairs(console, settings(best["params"]))


def _trials(console: Console, view: View, is_interrupted: bool) -> None:
    if not len(view.history):
        return
    others = [trial for trial in view.history if trial.best is None]
    shown = [*view.history.ranked(), *others][:MOST_TRIALS]
    same = _same(view)
    console.print()
    table = _table("trial", "status", "epochs", view.spec.objective.metric, "configuration")
    for trial in shown:
        value = number(trial.best[1]) if trial.best else "–"
        status = "interrupted" if is_interrupted and trial.is_open else ending(trial)
        config = one_line(trial.params, same)
        _row(table, str(trial.number), status, str(trial.epoch), value, config)
    console.print(table)
    if same:
        _say(console, f"the same in all trials: {', '.join(sorted(same))}")
    if left := len(view.history) - len(shown):
        _say(console, f"and {left} more (lanewise show --json has all)")


def _same(view: View) -> set[str]:
    """The settings that do not differ between the trials."""
    configs = [dict(settings(trial.params)) for trial in view.history]
    if len(configs) < 2:
        return set()
    first, *others = configs
    return {
        name for name, value in first.items() if all(other.get(name) == value for other in others)
    }


def _curve(console: Console, view: View, trial: Trial) -> None:
    if not trial.rows:
        return
    first = view.spec.objective.metric
    names = [first, *sorted({key for _, metrics in trial.rows for key in metrics} - {first})]
    table = _table("epoch", *names)
    for epoch, metrics in trial.rows:
        mark = " *" if trial.best and epoch == trial.best[0] else ""
        values = [number(metrics[name]) if name in metrics else "–" for name in names]
        _row(table, f"{epoch}{mark}", *values)
    console.print()
    console.print(table)
    _say(console, "* its best epoch")


def _failures(console: Console, trial: Trial) -> None:
    for attempt, failure in enumerate(trial.failures, 1):
        _say(console, f"\ntrial {trial.number}, attempt {attempt}: {failure.kind}", bold=True)
        _say(console, failure.message.rstrip())


def _pairs(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values, aligned; a long value goes on in its own column."""
    grid = Table.grid(padding=(0, 3))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(Text(f"  {name}"), Text(value))
    console.print(grid)


def _table(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(cell) for cell in cells))


def _say(console: Console, text: str, *, bold: bool = False) -> None:
    """Text as it is: not wrapped, not cut, nothing in it taken for markup."""
    console.print(Text(text, style="bold" if bold else ""), soft_wrap=True)
