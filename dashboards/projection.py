"""What MLflow should show of a sweep: a fold of its records into runs. Pure; imports no MLflow.

One run for the sweep, one for each trial. All that reaches a run is a function of the records
alone, timestamps included, so that sending anything twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lanewise.dashboards.datasets import datasets
from lanewise.dashboards.describe import describe, describe_trial
from lanewise.dashboards.digits import rows_of
from lanewise.dashboards.runs import (
    Draft,
    Run,
    as_json,
    cut,
    data_tags,
    key_of,
    milliseconds,
    note_tags,
    order_key,
    params_of,
    points_of,
    sweep_params,
)
from lanewise.dashboards.shared_view import MOST_PARAMS, order_of, view, view_key
from lanewise.dashboards.words import last_line, segments
from lanewise.dashboards.worth import corrected_of, interval
from lanewise.search.core import events as ev
from lanewise.search.core.events import Launched
from lanewise.search.core.history import History, Trial
from lanewise.search.core.seeds import trial_seed
from lanewise.search.core.spec import Spec
from lanewise.search.core.states import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PAUSED,
    STOPPED,
)
from lanewise.search.store.journal import Record

ENDINGS = {COMPLETED: "FINISHED", STOPPED: "FINISHED", FAILED: "FAILED", CANCELLED: "KILLED"}


class Projection:
    """The fold of one sweep's records.

    Args:
        home: the folder, named in the commands of the description.
    """

    def __init__(self, launch: Launched, home: str) -> None:
        self.launch = launch
        self.home = home
        self.spec = Spec.from_json(launch.spec)
        self.history = History.of(self.spec)
        details = launch.details
        base = str(details.get("base") or "")
        self.datasets = datasets(details.get("data") or {}, base, self.spec.seed)
        self.seq = -1
        self.cut_off = False  # the controller went away without a word
        self.sweep = Draft(0)
        self.trials: dict[int, Draft] = {}
        self.finished = 0
        self.failed = 0
        self._first: dict[str, str] = {}  # parameter -> the first value that a trial had
        self._varied: dict[str, None] = {}  # those of which another trial had another value

    # -- records in --------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Takes the next record in."""
        event, history = record.event, self.history
        concerned = self._concerned(event)
        best = _best_of(history.best)
        before = {trial.number: trial.best for trial in concerned}
        history.apply(event)
        self.seq = record.seq
        match event:
            case Launched():
                self._begin(record)
            case ev.Asked(number):
                self._ask(history.trials[number], record)
            case ev.Rerun(number) | ev.Resumed(number):
                self.trials[number].executor = self._executor
            case ev.Reported(number, rows):
                self._report(history.trials[number], rows, before[number], record)
            case ev.Failed(number):
                self._fail(history.trials[number], record)
            case ev.Tested(tested, epoch, metrics):
                self._test(tested, epoch, metrics, record)
        if isinstance(getattr(event, "decision", None), ev.Exploit):
            self._tell_segments(concerned[0])
        for trial in concerned:
            self.trials[trial.number].touch(record.seq)
            if not trial.is_open:
                self._finish(trial, record)
        self._mark_best(best, record)
        if isinstance(event, ev.Estimated):
            self._estimate(event, record)
        told = ev.Asked | ev.Noted | ev.Estimated
        if _best_of(history.best) != best or isinstance(event, told):
            self.sweep.touch(record.seq)
        self._turn(record)

    def _estimate(self, estimate: ev.Estimated, record: Record) -> None:
        """What the best value is worth, as metrics of the sweep's own run."""
        name = f"corrected_{self.spec.objective.metric}"
        metrics = {name: estimate.score, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        self.sweep.points += points_of(record, self.finished, metrics)

    def _mark_best(self, before: _Best | None, record: Record) -> None:
        """The trial that was the best and the one that is now are told apart by a tag."""
        now = self.history.best
        numbers = {before[0] if before else None, now.number if now else None}
        if len(numbers) > 1:
            for number in numbers:
                if number is not None:
                    self.trials[number].touch(record.seq)

    def _concerned(self, event: ev.Event) -> list[Trial]:
        """The open trials that an event may change."""
        if isinstance(event, ev.Opened | ev.Interrupted | ev.Closed):
            return [trial for trial in self.history if trial.is_open]
        number = getattr(event, "number", None)
        return [self.history.trials[number]] if number in self.history.trials else []

    def _begin(self, record: Record) -> None:
        self.sweep = Draft(milliseconds(record.at), unsent=record.seq)
        text = self.launch.details.get("sweep_yaml") or ""
        self.sweep.files["sweep.yaml"] = text
        self._sweep_point(record, "n_failed", 0)

    def _ask(self, trial: Trial, record: Record) -> None:
        draft = Draft(milliseconds(record.at), self._executor, unsent=record.seq)
        draft.files["config.json"] = as_json(trial.params)
        self.trials[trial.number] = draft
        self._compare(trial)

    def _compare(self, trial: Trial) -> None:
        """The first parameters that differ between trials, as many as their table has room for."""
        if len(self._varied) < MOST_PARAMS:
            for key, value in params_of(trial.params).items():
                if self._first.setdefault(key, value) != value:
                    self._varied[key] = None

    def _report(
        self,
        trial: Trial,
        rows: tuple[ev.Row, ...],
        before: tuple[int, float] | None,
        record: Record,
    ) -> None:
        draft = self.trials[trial.number]
        for epoch, metrics in rows:
            draft.points += points_of(record, epoch, metrics)
        if trial.best is not None and trial.best != before:
            epoch, value = trial.best
            best = {f"best_{self.spec.objective.metric}": value, "best_epoch": float(epoch)}
            draft.points += points_of(record, epoch, best)

    def _fail(self, trial: Trial, record: Record) -> None:
        text = "\n\n".join(
            f"attempt {attempt}: {failure.kind}\n{failure.message.rstrip()}\n"
            for attempt, failure in enumerate(trial.failures, 1)
        )
        self.trials[trial.number].files["failure.txt"] = text

    def _test(self, number: int, epoch: int, metrics: ev.Metrics, record: Record) -> None:
        """What the test part says, of the trial and as the sweep's result."""
        draft = self.trials[number]
        draft.points += points_of(record, epoch, metrics)
        self.sweep.points += points_of(record, self.finished, metrics)
        for each in (draft, self.sweep):
            each.touch(record.seq)

    def _tell_segments(self, trial: Trial) -> None:
        """MLflow's parameters cannot change: what became of them is an artifact."""
        whole = [vars(segment) for segment in trial.segments]
        self.trials[trial.number].files["segments.json"] = as_json(whole)

    def _finish(self, trial: Trial, record: Record) -> None:
        """A trial is over: all metrics of its best epoch, and one more step of the sweep."""
        draft = self.trials[trial.number]
        draft.end = milliseconds(record.at)
        if trial.best is not None:
            # The objective's was sent with its epoch; sent now, the others never mix two epochs.
            others = dict(trial.best_metrics)
            others.pop(self.spec.objective.metric, None)
            others = {f"best_{key}": value for key, value in others.items()}
            draft.points += points_of(record, trial.best[0], others)
        self.finished += 1
        if trial.status == FAILED:
            self.failed += 1
            self._sweep_point(record, "n_failed", self.failed)
        self._best_point(record)

    def _turn(self, record: Record) -> None:
        """What the beginning and the end of a session mean for the sweep's run."""
        match record.event:
            case ev.Opened(executor):
                self.sweep.executor = executor
                self.sweep.end = None
            case ev.Interrupted():
                self._totals(record)
            case ev.Closed():
                self.sweep.end = milliseconds(record.at)
                self._totals(record)
            case _:
                return
        self.sweep.touch(record.seq)

    def _totals(self, record: Record) -> None:
        history, best = self.history, self.history.best
        totals = {f"n_{status}": history.count(status) for status in (COMPLETED, STOPPED)}
        totals |= {"n_trials": len(history), "n_epochs": history.spent}
        for key, value in totals.items():
            self._sweep_point(record, key, value)
        self._sweep_point(record, "seconds", history.seconds)
        self._best_point(record)
        if best is None or best.best is None:
            return
        metrics = {f"best_{key}": value for key, value in best.best_metrics.items()}
        metrics.pop(f"best_{self.spec.objective.metric}", None)
        metrics |= {"best_epoch": float(best.best[0]), "best_trial": float(best.number)}
        self.sweep.points += points_of(record, self.finished, metrics)

    def _best_point(self, record: Record) -> None:
        best = self.history.best
        if best is not None and best.best is not None:
            self._sweep_point(record, f"best_{self.spec.objective.metric}", best.best[1])

    def _sweep_point(self, record: Record, key: str, value: float) -> None:
        self.sweep.points += points_of(record, self.finished, {key: value})
        self.sweep.touch(record.seq)

    @property
    def _executor(self) -> str:
        return self.history.opened.executor if self.history.opened else ""

    # -- runs out ----------------------------------------------------------------------------

    @property
    def settled(self) -> int:
        """The last record before the first that has not been sent."""
        unsent = [draft.unsent for draft in self.drafts() if draft.unsent is not None]
        return min(unsent, default=self.seq + 1) - 1

    def drafts(self) -> Iterator[Draft]:
        yield self.sweep
        yield from self.trials.values()

    def draft(self, number: int | None) -> Draft:
        return self.sweep if number is None else self.trials[number]

    def unsent(self) -> tuple[list[int], list[int]]:
        """The trials with something to send, those that waited longest first: (ended, open)."""
        found = [(d.unsent, n) for n, d in self.trials.items() if d.unsent is not None]
        numbers = [number for _, number in sorted(found)]
        is_open = {number: self.history.trials[number].is_open for number in numbers}
        return [n for n in numbers if not is_open[n]], [n for n in numbers if is_open[n]]

    def touch_all(self) -> None:
        """The sweep's run and those of its open trials are to be sent again, as they are now."""
        for trial in self.history:
            if trial.is_open:
                self.trials[trial.number].touch(self.seq)
        self.sweep.touch(self.seq)

    def sent(self, number: int | None) -> None:
        """All that is known of a run is in MLflow."""
        draft = self.draft(number)
        draft.points, draft.files, draft.unsent = [], {}, None

    @property
    def is_interrupted(self) -> bool:
        """Whether open trials wait for a controller that is not there."""
        if self.history.closed:
            return False
        return self.cut_off or self.history.interrupted is not None

    def run(self, number: int | None) -> Run:
        """A run as it should be now."""
        return self._sweep_run() if number is None else self._trial_run(number)

    def _trial_run(self, number: int) -> Run:
        trial, draft = self.history.trials[number], self.trials[number]
        seed = trial_seed(self.spec.seed, number)
        tags = {
            "lanewise.sweep": self.launch.sweep,
            "lanewise.kind": "trial",
            "lanewise.trial": str(number),
            "lanewise.rung": str(trial.epoch),
            "lanewise.executor": draft.executor,
            "lanewise.seed": str(seed),
            "lanewise.attempt": str(trial.attempt),
            "lanewise.outcome": self.outcome(trial),
            "lanewise.best": "true" if self._is_best(trial) else "",
            "mlflow.note.content": describe_trial(self, trial),
        }
        if trial.rank is not None:
            tags["lanewise.order"] = order_key(trial.rank, number)
        if told := segments(trial):
            tags["lanewise.segments"] = cut("; ".join(told), 4000)
        if trial.failures:
            tags["lanewise.failure"] = cut(last_line(trial.failures[-1].message), 250)
        return Run(
            number=number,
            name=f"trial {number}",
            start=draft.start,
            end=draft.end,
            status=self.mlflow_status(number),
            tags=tags,
            params=params_of(trial.segments[0].params),
            points=list(draft.points),
            files=dict(draft.files),
            datasets=self.datasets,
        )

    def _is_best(self, trial: Trial) -> bool:
        best = self.history.best
        return best is not None and best.number == trial.number

    def outcome(self, trial: Trial) -> str:
        """How a trial ended, or what it does, in a few words."""
        if trial.is_open:
            if self.is_interrupted and trial.status != PAUSED:
                return "interrupted"
            return trial.status
        if trial.status == STOPPED:
            return f"stopped: {trial.reason}"
        if trial.status == FAILED:
            return f"failed: {trial.failures[-1].kind}"
        return trial.status

    def _sweep_run(self) -> Run:
        draft = self.sweep
        files = dict(draft.files)
        if (best := self.best()) is not None:
            files["best.json"] = as_json(best)
        tags = {
            "lanewise.sweep": self.launch.sweep,
            "lanewise.kind": "sweep",
            "lanewise.executor": draft.executor,
            "lanewise.status": self.status,
            "lanewise.trials": self.counts(),
            "mlflow.note.content": describe(self),
        }
        if best is not None:
            tags["lanewise.best.trial"] = str(best["trial"])
            if best["corrected"] is not None:
                metric, rows = self.spec.objective.metric, rows_of(self.launch)
                tags["lanewise.corrected"] = interval(metric, best["corrected"], rows)
                tags["lanewise.tied"] = cut(", ".join(map(str, best["tied"])) or "none", 4000)
        return Run(
            number=None,
            name=self.launch.name,
            start=draft.start,
            end=draft.end,
            status=self.mlflow_status(None),
            tags=note_tags(self.history.notes) | tags | data_tags(self.launch),
            params=sweep_params(self.launch, self.spec),
            points=list(draft.points),
            files=files,
            datasets=self.datasets,
            experiment_tags=self._view(),
        )

    def _view(self) -> dict[str, str]:
        """How MLflow is to list the trials; nothing before there are scores to list."""
        best, objective = self.history.best, self.spec.objective
        if best is None or best.best is None:
            return {}
        others = [key for key in best.best_metrics if key != objective.metric]
        others.sort(key=lambda key: not key.startswith("val_"))
        metrics = [key_of(f"best_{key}") for key in (objective.metric, *others)]
        order = order_of(objective.metric, objective.mode, objective.ties)
        sweep = self.launch.sweep
        return {view_key(sweep): view(sweep, order, metrics, self._varied, self.sweep.start)}

    @property
    def status(self) -> str:
        """running, interrupted, done or failed."""
        if self.history.closed:
            return self.history.closed.status
        return "interrupted" if self.is_interrupted else "running"

    def mlflow_status(self, number: int | None) -> str:
        """A run's status in MLflow's words; SCHEDULED is what waits for a controller."""
        if number is not None:
            waiting = "SCHEDULED" if self.is_interrupted else "RUNNING"
            return ENDINGS.get(self.history.trials[number].status, waiting)
        closed = self.history.closed
        if closed is not None and closed.reason == ev.BY_A_PERSON:
            return "KILLED"
        names = {"done": "FINISHED", "failed": "FAILED", "interrupted": "SCHEDULED"}
        return names.get(self.status, "RUNNING")

    def counts(self) -> str:
        """``"40 asked, 12 completed, 25 stopped, 1 failed"``."""
        counts = {name: self.history.count(name) for name in (COMPLETED, STOPPED, FAILED)}
        return ", ".join([f"{len(self.history)} asked", *(f"{n} {s}" for s, n in counts.items())])

    def best(self) -> dict[str, Any] | None:
        """The best configuration so far, as in the summary."""
        trial = self.history.best
        if trial is None or trial.best is None:
            return None
        return {
            "trial": trial.number,
            "params": trial.best_params,
            "metrics": trial.best_metrics,
            "epoch": trial.best[0],
            **corrected_of(self.history),
        }


_Best = tuple[int, tuple[int, float] | None]


def _best_of(trial: Trial | None) -> _Best | None:
    return None if trial is None else (trial.number, trial.best)
