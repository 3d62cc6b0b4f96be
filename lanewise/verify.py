"""Verified selection: a sweep's best trials trained again, with fresh seeds and folds.

The best of many noisy scores is partly luck. Here the best few are trained again, as a sweep of
constants named NAME-verified: all its trials' replicas are lanes, MLflow shows them, and a killed
one is resumed by the same command. The test part stays where it was and takes no part in it.
Scores are taken at the epoch that was each trial's best in the sweep, so none is chosen again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lanewise import sweepfile
from lanewise.dashboards.summary import running_seconds
from lanewise.dashboards.words import duration
from lanewise.errors import SweepFileError
from lanewise.launch import Options, launch, resume
from lanewise.models import model_of
from lanewise.plan import Plan, make_plan, plan_again
from lanewise.search.core.history import Trial
from lanewise.search.core.states import COMPLETED
from lanewise.search.errors import JournalError, SearchError
from lanewise.search.plain import say
from lanewise.search.selection.repeated import Repeated, of_moments, of_values
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.store.view import View, open_view
from lanewise.sweepfile import SweepFile
from lanewise.trainables.data.table import identity
from lanewise.trainables.errors import TrainableError

DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Request:
    """How to verify. ``folds``: None for 5, or 1 where the data cannot be cut anew."""

    top: int = 10
    seeds: int = 5
    folds: int | None = None


@dataclass(frozen=True)
class Candidate:
    """One of the best trials.

    naive: its score in the sweep; again: over its new trainings, None where they failed.
    size: parameters of its model; None where that is not known.
    """

    trial: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    epoch: int
    naive: float
    again: Repeated | None
    size: int | None = None


@dataclass(frozen=True)
class Verified:
    """What a verification found.

    Attributes:
        sweep: the one that trained again.
        candidates: by their mean, best first; last those whose training failed.
        tied: trials that the best could be no better than, the best among them.
    """

    sweep: str
    metric: str
    request: Request
    candidates: tuple[Candidate, ...]
    tied: tuple[int, ...] = ()

    @property
    def best(self) -> Candidate:
        """The one with the best mean."""
        return self.candidates[0]

    @property
    def smallest(self) -> Candidate:
        """The one with the fewest parameters among those that are tied with the best."""
        tied = [each for each in self.candidates if each.trial in self.tied]
        return min(tied, key=lambda each: math.inf if each.size is None else each.size)

    def to_json(self) -> dict[str, Any]:
        """As ``best --verify --json`` prints it."""
        return {
            "sweep": self.sweep,
            "seeds": self.request.seeds,
            "folds": self.request.folds,
            "tied": list(self.tied),
            "trials": [_told(candidate) for candidate in self.candidates],
        }


def _told(candidate: Candidate) -> dict[str, Any]:
    again = candidate.again
    low, high = again.interval() if again else (math.nan, math.nan)
    return {
        "trial": candidate.trial,
        "params": dict(candidate.params),
        "epoch": candidate.epoch,
        "parameters": candidate.size,
        "naive": candidate.naive,
        "score": again.mean if again else None,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
    }


def verify(view: View, options: Options, request: Request, plan: Plan | None = None) -> Verified:
    """Trains the best trials of a sweep again and ranks them by their means.

    What it will cost is said first. A verification that was made before is read, and one that was
    interrupted goes on.

    Args:
        plan: of the sweep, where it is known; else it is made again.

    Raises:
        SweepFileError, SearchError: there are too few trials, or the data cannot be cut so.
        TrainableError: the data have changed.
    """
    chosen = _candidates(view, request.top)
    plan = plan or plan_again(view)
    request = replace(request, folds=_folds(plan.file, request.folds))
    purpose: dict[str, Any] = {
        "sweep": view.launch.sweep,
        "trials": [trial.number for trial in chosen],
        "seeds": request.seeds,
        "folds": request.folds,
    }
    earlier = _earlier(view.journal, purpose)
    if earlier is None:
        again = _plan(view, plan, chosen, request, options)
        say(cost(view, plan.file, request))
        told = launch(replace(again, verifies=purpose), options, new=True)
    elif earlier.history.closed is None:
        told = resume(earlier.launch.sweep, options)
    else:
        told = {"sweep": earlier.launch.sweep, "status": earlier.history.closed.status}
    if told["status"] == "interrupted":
        raise SearchError(f"{told['sweep']} was interrupted; the same command goes on with it")
    journal = options.home.journal()
    try:
        verified = ranked(view, open_view(journal, told["sweep"]), request)
    finally:
        journal.close()
    sized = [replace(c, size=_size(view, options.home, c.trial)) for c in verified.candidates]
    return replace(verified, candidates=tuple(sized))


def _size(view: View, home: Home, trial: int) -> int | None:
    """Parameters of a trial's model; None where it keeps none, or it is gone."""
    try:
        module = model_of(view, home, trial).module
    except (LookupError, TrainableError):
        return None
    return sum(parameter.numel() for parameter in module.parameters())


def _candidates(view: View, top: int) -> list[Trial]:
    usable = [trial for trial in view.history.ranked() if trial.best]
    if len(usable) < top:
        raise SearchError(
            f"--top: {top} is more than the {len(usable)} trials of {view.launch.name} with a "
            "usable value"
        )
    return usable[:top]


def _folds(file: SweepFile, asked: int | None) -> int:
    """How many folds; 1 where there is a reason that the rows cannot be cut anew."""
    data = file.data
    reason = ""
    if file.train is not None:
        reason = "a training function brings its own data"
    elif data is not None and data.validation is not None:
        reason = "data.validation has rows of its own"
    elif data is not None and (data.order is not None or data.series is not None):
        reason = "the parts follow each other in time, and only the past may be learned from"
    if not reason:
        return DEFAULT_FOLDS if asked is None else asked
    if asked not in (None, 1):
        raise SweepFileError(f"--folds: {asked} cannot be cut: {reason}; use --folds 1")
    return 1


def _plan(view: View, plan: Plan, chosen: list[Trial], request: Request, options: Options) -> Plan:
    """The verification as a sweep of its own, whose test part is the sweep's."""
    body = _constants(plan.file, view, chosen, request)
    base = Path(view.launch.details["base"])
    again = make_plan(sweepfile.parse(body, "--verify"), base, plan.function, home=options.home)
    if _test_part(again) != _test_part(plan):
        raise SweepFileError(
            f"--folds: {request.folds} would move rows of the test part, since the groups of "
            f"{plan.file.data.group if plan.file.data else None!r} were dealt to folds before; "
            "use --folds 2 or more"
        )
    return again


def _test_part(plan: Plan) -> str | None:
    test = plan.prepared.test if plan.prepared else None
    return None if test is None else str(identity(test, "")["hash"])


def _constants(
    file: SweepFile, view: View, chosen: list[Trial], request: Request
) -> dict[str, Any]:
    """The sweep file of the verification. A training function's repetitions are trials."""
    body = sweepfile.to_json(file)
    for key in ("from", "constraints", "reshuffle"):
        body.pop(key, None)
    copies = request.seeds if file.train is not None else 1
    if file.data is not None and not file.data.order and not file.data.series:
        body["data"]["test_seed"] = _or(file.data.test_seed, file.seed)
        if file.data.group and file.folds > 1:  # as folds cut it: the shares of both parts in one
            train, val, test = file.data.split
            body["data"]["split"] = [train + val, 0.0, test]
    return body | {
        "name": f"{file.name[:90]}-verified",
        "start": [trial.best_params for trial in chosen for _ in range(copies)],
        "repeats": True,
        "sampler": "random",
        "scheduler": "none",
        "budget": {"trials": len(chosen) * copies, "epochs": view.spec.budget.epochs},
        "seeds": 1 if file.train is not None else request.seeds,
        "folds": request.folds,
        "seed": (file.seed + 1) % 2**63,
    }


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _earlier(journal: Journal, purpose: Mapping[str, Any]) -> View | None:
    """The newest verification of these very trials."""
    for launch_, _ in reversed(list(journal.launches())):
        if launch_.details.get("verifies") == purpose:
            try:
                return open_view(journal, launch_.sweep)
            except JournalError:
                continue
    return None


def cost(view: View, file: SweepFile, request: Request) -> str:
    """What a verification will take, in a line."""
    replicas = request.seeds * (request.folds or 1)
    epochs = request.top * replicas * view.spec.budget.epochs
    spent = sum(trial.epoch for trial in view.history) * file.folds * file.seeds
    seconds = running_seconds(view, view.decided_at)
    rate = f", about {duration(seconds * epochs / spent)} at the sweep's rate" if spent else ""
    times = f"{request.folds} folds × {request.seeds} seeds"
    return (
        f"verifying the {request.top} best of {view.launch.name}: each trained again on {times}, "
        f"{epochs:,} epochs in all{rate}"
    )


def ranked(view: View, child: View, request: Request) -> Verified:
    """The candidates by their scores in the verifying sweep."""
    purpose = child.launch.details["verifies"]
    objective = view.spec.objective
    copies = len(child.spec.start) // len(purpose["trials"])
    found = []
    for index, number in enumerate(purpose["trials"]):
        trial = view.history.trials[number]
        assert trial.best is not None
        epoch, naive = trial.best
        trained = [child.history.trials.get(index * copies + copy) for copy in range(copies)]
        again = _score([each for each in trained if each], objective.metric, epoch, request)
        found.append(Candidate(number, trial.best_params, trial.best_metrics, epoch, naive, again))
    if all(each.again is None for each in found):
        raise SearchError(
            f"none of the trials could be trained again: lanewise show {child.launch.sweep}"
        )
    ordered, tied = ranked_by_mean(found, 1.0 if objective.mode == "max" else -1.0)
    return Verified(child.launch.sweep, objective.metric, request, ordered, tied)


def ranked_by_mean(
    candidates: Sequence[Candidate], sign: float
) -> tuple[tuple[Candidate, ...], tuple[int, ...]]:
    """The best mean first, those without one last; and the trials that are tied with the best.

    Args:
        sign: 1 where a higher score is better, else -1.
    """
    ordered = sorted(
        candidates, key=lambda c: (c.again is None, -sign * c.again.mean if c.again else 0.0)
    )
    best = ordered[0].again
    tied = (c.trial for c in ordered if best and c.again is not None and c.again.is_tied(best))
    return tuple(ordered), tuple(tied)


def _score(trials: list[Trial], metric: str, epoch: int, request: Request) -> Repeated | None:
    rows = list(_rows_at(trials, epoch))
    if not rows:
        return None
    if len(trials) > 1 or f"{metric}_std" not in rows[0]:
        return of_values([row[metric] for row in rows])
    folds = request.folds or 1
    return of_moments(rows[0][metric], rows[0][f"{metric}_std"], folds * request.seeds, folds)


def _rows_at(trials: list[Trial], epoch: int) -> Iterator[Mapping[str, float]]:
    """Their rows of that epoch, or of the last one before it where patience ended them."""
    for trial in trials:
        if trial.status == COMPLETED:
            yield trial.metrics_at(min(epoch, trial.epoch))
