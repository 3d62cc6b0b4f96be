"""A sweep as the report tells it: plain values, read from a view. Draws nothing."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lanewise.dashboards.describe import space_rows
from lanewise.dashboards.digits import metric, rows_of
from lanewise.dashboards.frames import without_ours
from lanewise.dashboards.grouping import final_failures, group_failures
from lanewise.dashboards.report.advice import Caution, cautions
from lanewise.dashboards.report.fit import OVERFITS, UNKNOWN, UNSTABLE, Fit, diagnose
from lanewise.dashboards.summary import counts, running_seconds
from lanewise.dashboards.words import counted, duration, ending, number, rate, settings
from lanewise.dashboards.worth import uses_of
from lanewise.search.core.history import History, Trial
from lanewise.search.core.states import STOPPED
from lanewise.search.store.home import Home
from lanewise.search.store.view import View

Pairs = tuple[tuple[str, str], ...]

LONGEST = 120  # characters of a value in the table
MOST_FAILURES = 20  # shown with their text; the table names the others' kind
LONGEST_FAILURE = 4000  # characters of such a text; its end says most


@dataclass(frozen=True)
class Cell:
    """A cell of the table. ``key``: what it is sorted by, where that is not its text."""

    text: str
    key: float | None = None


@dataclass(frozen=True)
class Failure:
    """Trials that failed alike; ``text`` is the first one's, ``differs`` whether others' differ."""

    kind: str
    trials: tuple[int, ...]
    text: str
    last_line: str
    differs: bool


@dataclass(frozen=True)
class Best:
    """The best trial: where it is, what it is, and how it learnt.

    Args:
        config: its configuration with all digits, as JSON, which YAML and Python read, too.
    """

    trial: int
    epoch: int
    value: str
    metrics: Pairs
    settings: Pairs
    config: str
    fit: Fit


@dataclass(frozen=True)
class Facts:
    """All that the page says in words and tables.

    Args:
        seq: the last record that the report knows of.
        notes: what a person should know besides, by topic.
        space: what was tuned, and over which values.
        sweep_file: the sweep file as it was run, without passwords; base: where its paths begin.
        commands: what to type, by purpose.
        taking: the command that writes the best configuration to a file.
        code: Python that loads the best model; empty for a training function of the user's.
        columns, rows: the table of all trials, best first.
        constants: the settings that are the same in all trials.
    """

    sweep: str
    name: str
    status: str
    seq: int
    metric: str
    sentence: str
    best: Best | None
    spent: Pairs
    cautions: tuple[Caution, ...]
    notes: Pairs
    space: Pairs
    sweep_file: str
    base: str
    commands: Pairs
    taking: str
    code: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    constants: Pairs
    failures: tuple[Failure, ...]
    failures_left: int
    made: Pairs


def gather(view: View, home: Home) -> Facts:
    """The facts of a sweep, running or over."""
    history, spec, status = view.history, view.spec, view.status(home)
    columns, rows, constants = _table(view)
    failures = _failures(history)
    return Facts(
        sweep=view.launch.sweep,
        name=view.launch.name,
        status=status,
        seq=view.seq,
        metric=spec.objective.metric,
        sentence=_sentence(view, status),
        best=_best(view),
        spent=tuple(_spent(view)),
        cautions=tuple(cautions(history, spec, status)),
        notes=tuple((topic, " ".join(text.split())) for topic, text in history.notes.items()),
        space=tuple(space_rows(spec.space.to_json())),
        sweep_file=str(view.launch.details.get("sweep_yaml") or "").strip(),
        base=str(view.launch.details.get("base") or ""),
        commands=tuple(_commands(view, home, status)),
        taking=_typed(home, "best", view.launch.sweep, "--out", "best.yaml"),
        code=_code(view, home),
        columns=("trial", "outcome", spec.objective.metric, "at epoch", "epochs", *columns),
        rows=rows,
        constants=constants,
        failures=failures[:MOST_FAILURES],
        failures_left=len(failures[MOST_FAILURES:]),
        made=tuple(_made(view)),
    )


_OUTCOMES = {
    "asked": "trials",
    "completed": "trials completed",
    "stopped": "trials stopped early",
    "failed": "trials failed",
    "cancelled": "trials cancelled",
    "paused": "trials paused",
}

# -- in words ------------------------------------------------------------------------------------


def _sentence(view: View, status: str) -> str:
    """What was tuned, how, and with what outcome."""
    spec, details = view.spec, view.launch.details
    model = f" of {details['model']}" if details.get("model") else ""
    data = details.get("data") or {}
    source = f" on {data['source']}" if data.get("source") else ""
    rows = f" ({data['rows']:,} rows)" if data.get("rows") else ""
    verb = "maximize" if spec.objective.mode == "max" else "minimize"
    opened = view.history.opened
    where = f" on the {opened.executor} executor" if opened else ""
    stops = "" if spec.scheduler.name == "none" else f", {spec.scheduler.name} as the scheduler"
    return (
        f"A search over {_hyperparameters(len(spec.space.names))}{model}{source}{rows} to {verb} "
        f"{spec.objective.metric}, with {spec.sampler.name} as the sampler{stops}; "
        f"{counted(counts(view))}, in {duration(running_seconds(view))}{where}. "
        f"The sweep is {status}."
    )


def _hyperparameters(count: int) -> str:
    return f"{count} hyperparameter" + ("s" if count > 1 else "")


def _best(view: View) -> Best | None:
    trial, rows = view.history.best, rows_of(view.launch)
    if trial is None or trial.best is None:
        return None
    epoch, value = trial.best
    return Best(
        trial=trial.number,
        epoch=epoch,
        value=metric(view.spec.objective.metric, value, rows),
        metrics=tuple(
            (name, metric(name, each, rows)) for name, each in trial.best_metrics.items()
        ),
        settings=tuple(settings(trial.best_params, digits=4)),
        config=json.dumps(trial.best_params, indent=2, ensure_ascii=False),
        fit=_fit(view, trial, epoch),
    )


def _fit(view: View, trial: Trial, kept: int) -> Fit:
    """The verdict on the whole curve, and what it means for the epoch whose weights are kept."""
    if _is_generator(view):
        return Fit(UNKNOWN, "The losses of two networks that play against each other do not say.")
    found = diagnose(trial.rows, view.spec.objective, rows_of(view.launch))
    if found.verdict not in (OVERFITS, UNSTABLE) or kept >= trial.epoch:
        return found
    note = f"The metrics above are those of epoch {kept}, before the last of {trial.epoch}."
    return replace(found, remedy=f"{found.remedy} {note}")


def _spent(view: View) -> Iterator[tuple[str, str]]:
    history, seconds = view.history, running_seconds(view)
    yield "running time", duration(seconds)
    yield from ((_OUTCOMES[key], f"{count:,}") for key, count in counts(view).items() if count)
    yield "epochs", f"{history.spent:,}"
    if saved := epochs_saved(history, view.spec.budget.epochs):
        share = saved / (saved + history.spent)
        yield "epochs saved by stopping early", f"{saved:,} ({share:.0%})"
    again = sum(trial.attempt - 1 for trial in history)
    if again:
        yield "attempts that were repeated", str(again)
    if history.spent and seconds:
        yield "epochs per minute", rate(60 * history.spent / seconds)


def epochs_saved(history: History, epochs: int) -> int:
    """Epochs that the scheduler's stops left out, against full budgets.

    Trials that the sweep's own end cut off saved nothing: they were not judged.
    """
    ending = history.closed.reason if history.closed else None
    stopped = (t for t in history if t.status == STOPPED and t.reason != ending)
    return sum(max(0, epochs - trial.epoch) for trial in stopped)


def _commands(view: View, home: Home, status: str) -> Iterator[tuple[str, str]]:
    sweep = view.launch.sweep
    if status == "interrupted":
        yield "The trials that are still to come", _typed(home, "resume", sweep)
    yield "Every trial, and what failed", _typed(home, "show", sweep)
    yield "The runs in MLflow's own pages", _typed(home, "ui", sweep)


def _typed(home: Home, *words: str) -> str:
    return shlex.join(["lanewise", *words, "--home", str(home.root)])


def _code(view: View, home: Home) -> str:
    """Loading the best weights; a training function keeps its own models."""
    body = view.launch.details.get("sweep_file") or {}
    if view.history.best is None or view.history.closed is None or body.get("train") is not None:
        return ""
    last = "rows = model.sample(1000)" if _is_generator(view) else "predictions = model.predict(X)"
    return (
        "import lanewise as lw\n\n"
        f"model = lw.load(\n    {view.launch.sweep!r},  # the best trial, at its best epoch\n"
        f"    home={str(home.root)!r},\n)\n"
        f"{last}\n"
    )


def _is_generator(view: View) -> bool:
    """Whether the model makes rows and predicts nothing; of an older release's it is not known."""
    return view.launch.details.get("task") == "generation"


def _made(view: View) -> Iterator[tuple[str, str]]:
    """What is needed to do it again."""
    spec, details = view.spec, view.launch.details
    yield "begun", time.strftime("%Y-%m-%d %H:%M", time.localtime(view.launched_at))
    yield "sampler", _plugin(spec.sampler.name, spec.sampler.options)
    yield "scheduler", _plugin(spec.scheduler.name, spec.scheduler.options)
    budget = {key: value for key, value in vars(spec.budget).items() if value is not None}
    yield "budget", ", ".join(f"{key} {number(value)}" for key, value in budget.items())
    yield "seed", str(spec.seed)
    yield from ((f"test part used {when}", told) for when, told in uses_of(view))
    data = details.get("data") or {}
    yield from ((f"data {key}", str(data[key])) for key in ("source", "hash") if data.get(key))
    versions = details.get("versions") or {}
    if versions:
        yield "versions", ", ".join(f"{key} {value}" for key, value in versions.items())


def _plugin(name: str, options: Mapping[str, Any]) -> str:
    told = ", ".join(f"{key} {number(value)}" for key, value in options.items())
    return f"{name} ({told})" if told else name


# -- in tables -----------------------------------------------------------------------------------


def _table(view: View) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...], Pairs]:
    """(names of the settings that vary, a row for each trial, the settings that do not vary)."""
    history = view.history
    ranked = history.ranked()
    placed = {trial.number for trial in ranked}
    trials = [*ranked, *(trial for trial in history if trial.number not in placed)]
    configs = [dict(settings(trial.best_params)) for trial in trials]
    names = list(dict.fromkeys(name for config in configs for name in config))
    constant = (
        [name for name in names if len({config.get(name) for config in configs}) == 1]
        if len(configs) > 1
        else []
    )
    columns = tuple(name for name in names if name not in constant)
    shown = [dict(settings(trial.best_params, digits=4)) for trial in trials]
    rows = tuple(
        (*_outcome(view, trial), *(_cell(config.get(name)) for name in columns))
        for trial, config in zip(trials, shown, strict=True)
    )
    return columns, rows, tuple((name, cut(configs[0][name])) for name in constant)


def _outcome(view: View, trial: Trial) -> Sequence[Cell]:
    epoch, value = trial.best or (None, None)
    name, of = view.spec.objective.metric, rows_of(view.launch)
    return (
        Cell(str(trial.number), trial.number),
        Cell(ending(trial)),
        Cell("–") if value is None else Cell(metric(name, value, of), value),
        Cell("–") if epoch is None else Cell(str(epoch), epoch),
        Cell(str(trial.epoch), trial.epoch),
    )


def _cell(text: str | None) -> Cell:
    if text is None:
        return Cell("–")
    try:
        return Cell(cut(text), float(text))
    except ValueError:
        return Cell(cut(text))


def cut(text: str, length: int = LONGEST) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _failures(history: History) -> tuple[Failure, ...]:
    """What made trials fail for good: what is alike once, the most frequent first."""
    return tuple(
        Failure(
            group.kind,
            group.trials,
            _end(without_ours(group.message)),
            cut(group.last_line),
            group.differs,
        )
        for group in group_failures(final_failures(history))
    )


def _end(text: str) -> str:
    return text if len(text) <= LONGEST_FAILURE else "…" + text[1 - LONGEST_FAILURE :]
