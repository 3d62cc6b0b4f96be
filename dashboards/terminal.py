"""Sweeps and trials on a terminal, on a rich console that the caller gives.

Plain text with a little bold: it reads the same without colours, fits 80 columns, and never cuts a
traceback. What comes from users is never taken for markup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console

from lanewise.dashboards import digits
from lanewise.dashboards.frames import without_ours
from lanewise.dashboards.grouping import FailureGroup, all_failures, group_failures
from lanewise.dashboards.printing import pairs, say, table
from lanewise.dashboards.state import pending
from lanewise.dashboards.summary import Listed, Summary
from lanewise.dashboards.summary import summary as summarised
from lanewise.dashboards.words import (
    counted,
    duration,
    ending,
    kind_in_words,
    numbered,
    segments,
    settings,
)
from lanewise.dashboards.worth import corrected_of, interval, ties, uses_of
from lanewise.search.core.history import Trial
from lanewise.search.core.states import RUNNING, WAITING
from lanewise.search.store.home import Home
from lanewise.search.store.view import View

MOST_TRIALS = 50  # in the table of `show`; `show --json` has all
LONGEST_CELL = 32  # cells of a value in a table on a terminal
CORRECTED = "corrected"  # what the best value is called then
LONGEST = 160  # characters of what was raised, in the line of its kind


def render_listing(console: Console, found: Sequence[Listed]) -> None:
    """The table of ``ls``, from ``summary.listing``."""
    rows = []
    for sweep in found:
        best, metric = sweep["best"], sweep["objective"]
        value = f"{metric} {digits.metric(metric, best['value'], sweep.rows)}" if best else "–"
        asked = str(sweep["trials"]["asked"])
        rows.append((sweep["sweep"], sweep["status"], asked, value, _clock(sweep["launched_at"])))
    table(console, ("sweep", "status", "trials", "best", "began"), rows)
    for sweep in found:
        if "error" in sweep:
            say(console, sweep["error"])


def render_sweep(console: Console, view: View, home: Home) -> None:
    """A sweep: what it is, its best configuration, its trials best first, and every failure."""
    body = summarised(view, home)
    _headline(console, body)
    say(console, _task(view))
    _notes(console, body.notes)
    _best(console, body["best"], body.rows, body.objective)
    if used := list(uses_of(view)):
        say(console, "\nUses of the test part", bold=True)
        pairs(console, used)
    _trials(console, view, body["status"] == "interrupted")
    for group in group_failures(all_failures(view.history)):
        _failure(console, group)
    if left := pending(home, view.launch.sweep, view.journal):
        say(console, f"\nMLflow does not show the last {left} records yet (lanewise sync).")


def render_trial(console: Console, view: View, trial_number: int) -> None:
    """One trial, whole: its configuration, its metrics by epoch, its failures."""
    trial = view.history.trials[trial_number]
    say(console, f"trial {trial.number} of {view.launch.name}: {ending(trial)}", bold=True)
    attempts = f", {trial.attempt} attempts" if trial.attempt > 1 else ""
    say(console, f"{trial.epoch} epochs{attempts}\n")
    pairs(console, settings(trial.segments[0].params))
    for told in segments(trial):
        say(console, told)
    _curve(console, view, trial)
    for attempt, failure in enumerate(trial.failures, 1):
        head = f"{kind_in_words(failure.kind)} in attempt {attempt}"
        _text_of_failure(console, head, failure.message)


def render_best(console: Console, view: View, top: int = 1) -> None:
    """The best configurations, best first."""
    for place, trial in enumerate(view.history.ranked()[:top], 1):
        if trial.best is None:
            continue
        name = view.spec.objective.metric
        value = digits.metric(name, trial.best[1], digits.rows_of(view.launch))
        head = f"{name} {value}  (trial {trial.number}, epoch {trial.best[0]})"
        say(console, f"{place}. {head}" if top > 1 else head, bold=True)
        if trial is view.history.best:
            _worth(console, view)
        pairs(console, settings(trial.best_params))
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
    rows: Mapping[str, int] = {}
    objective = ""
    if isinstance(summary, Summary):
        rows, objective = summary.rows, summary.objective
        _kinds(console, summary.failures)
        _notes(console, summary.notes)
    _best(console, summary["best"], rows, objective)
    sweep, left = summary["sweep"], summary["mlflow"]["pending"]
    console.print()
    if left:
        say(console, f"MLflow lacks the last {left} records; later: {command('sync', sweep)}")
    commands = [("all trials", command("show", sweep)), ("MLflow", command("ui"))]
    if summary["report"]:
        commands.insert(0, ("report", summary["report"]))
    if summary["status"] == "interrupted":
        commands.insert(0, ("go on", command("resume", sweep)))
    pairs(console, commands)


# -- parts ---------------------------------------------------------------------------------------


def _headline(console: Console, summary: Mapping[str, Any]) -> None:
    time_ = duration(summary["seconds"])
    executor = f" ({summary['executor']})" if summary["executor"] else ""
    say(console, f"{summary['name']}: {summary['status']}, {time_}{executor}", bold=True)
    say(console, counted(summary["trials"]))


def _notes(console: Console, notes: Mapping[str, str]) -> None:
    for topic, text in notes.items():
        say(console, f"{topic}: {' '.join(text.split())}")


def _task(view: View) -> str:
    spec = view.spec
    verb = "maximize" if spec.objective.mode == "max" else "minimize"
    budget = f"{spec.budget.trials} trials of " if spec.budget.trials else ""
    began = _clock(view.launched_at)
    return (
        f"{verb} {spec.objective.metric} with {spec.sampler.name} and {spec.scheduler.name}, "
        f"{budget}up to {spec.budget.epochs} epochs, seed {spec.seed}\n{view.launch.sweep}, "
        f"begun {began}"
    )


def _clock(at: float | None) -> str:
    if at is None:
        return "–"
    with suppress(OverflowError, ValueError, OSError):  # a time that no calendar has
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    return "–"


def _kinds(console: Console, failures: Sequence[FailureGroup]) -> None:
    """A line for each kind of failure, with what was raised most."""
    for kind in dict.fromkeys(group.kind for group in failures):
        groups = [group for group in failures if group.kind == kind]
        trials = sorted(trial for group in groups for trial in group.trials)
        more = len(groups) - 1
        others = f" (and {more} other error{'s' if more > 1 else ''})" if more else ""
        raised = groups[0].last_line or "no message"
        raised = raised if len(raised) <= LONGEST else f"{raised[: LONGEST - 1]}…"
        words = f"{kind_in_words(kind)}, {numbered(trials)}: {raised}{others}"
        say(console, f"failed: {words}", style="red")


def _best(
    console: Console, best: Mapping[str, Any] | None, rows: Mapping[str, int], objective: str
) -> None:
    if best is None:
        say(console, "\nNo trial has reported a usable value.")
        return
    say(console, f"\nBest: trial {best['trial']}, epoch {best['epoch']}", bold=True)
    told = [(name, digits.metric(name, value, rows)) for name, value in best["metrics"].items()]
    if best.get("corrected"):
        told.append((CORRECTED, interval(objective, best["corrected"], rows)))
    pairs(console, told)
    if also := ties(best.get("tied", ())):
        say(console, also)
    say(console, "\nIts configuration", bold=True)
    pairs(console, settings(best["params"]))


def _worth(console: Console, view: View) -> None:
    """What the best value is worth, and who is tied with it."""
    worth, rows = corrected_of(view.history), digits.rows_of(view.launch)
    if worth["corrected"]:
        told = interval(view.spec.objective.metric, worth["corrected"], rows)
        say(console, f"{CORRECTED} {told}")
    if also := ties(worth["tied"]):
        say(console, also)


def _trials(console: Console, view: View, is_interrupted: bool) -> None:
    if not len(view.history):
        return
    others = [trial for trial in view.history if trial.best is None]
    shown = [*view.history.ranked(), *others][:MOST_TRIALS]
    metric, parts = view.spec.objective.metric, digits.rows_of(view.launch)
    configs = [dict(settings(trial.best_params, digits=4)) for trial in view.history]
    names = list(dict.fromkeys(name for config in configs for name in config))
    same = [n for n in names if len(configs) > 1 and len({c.get(n) for c in configs}) == 1]
    varied = [name for name in names if name not in same]
    rows = []
    for trial in shown:
        value = digits.metric(metric, trial.best[1], parts) if trial.best else "–"
        is_cut_off = is_interrupted and trial.status in (RUNNING, WAITING)
        status = "interrupted" if is_cut_off else ending(trial)
        config = dict(settings(trial.best_params, digits=4))
        cells = (_short(config.get(name, "–"), console) for name in varied)
        rows.append([str(trial.number), status, str(trial.epoch), value, *cells])
    console.print()
    hidden = table(console, ["trial", "status", "epochs", metric, *varied], rows)
    if hidden:
        say(console, f"no room for {', '.join(hidden)} (a wider terminal, or a pipe, shows them)")
    if same:
        values = (f"{name} {configs[0][name]}" for name in same)
        say(console, f"the same in all trials: {', '.join(values)}")
    if left := len(view.history) - len(shown):
        say(console, f"and {left} more (lanewise show --json has all)")


def _short(cell: str, console: Console) -> str:
    """A cell as it may stand in a terminal's table: a word of a thousand letters is cut."""
    whole = not console.is_terminal or len(cell) <= LONGEST_CELL
    return cell if whole else f"{cell[: LONGEST_CELL - 1]}…"


def _curve(console: Console, view: View, trial: Trial) -> None:
    if not trial.rows:
        return
    first, parts = view.spec.objective.metric, digits.rows_of(view.launch)
    names = [first, *sorted({key for _, metrics in trial.rows for key in metrics} - {first})]
    rows = []
    for epoch, metrics in trial.rows:
        mark = " *" if trial.best and epoch == trial.best[0] else ""
        told = (digits.metric(n, metrics[n], parts) if n in metrics else "–" for n in names)
        rows.append([f"{epoch}{mark}", *told])
    console.print()
    hidden = table(console, ["epoch", *names], rows)
    say(console, "* its best epoch")
    if hidden:
        say(console, f"no room for {', '.join(hidden)} (a wider terminal, or a pipe, shows them)")


def _failure(console: Console, group: FailureGroup) -> None:
    """Attempts that failed alike, with the text of the first."""
    many = f", {group.count} attempts" if group.count > len(group.trials) else ""
    like = "; the first of texts that differ in details" if group.differs else ""
    head = f"{kind_in_words(group.kind)} in {numbered(group.trials)}{many}{like}"
    _text_of_failure(console, head, group.message)


def _text_of_failure(console: Console, head: str, message: str) -> None:
    say(console, f"\n{head}", bold=True)
    whole = message.rstrip()
    text = without_ours(whole)
    say(console, text)
    if left := whole.count("\n") - text.count("\n"):
        say(console, f"({left} lines of Lanewise's own left out; show --json has them)")
