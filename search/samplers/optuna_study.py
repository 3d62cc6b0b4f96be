"""An Optuna study whose trials are those of a history, kept for one of Optuna's samplers.

It stands on a storage of our own, one list of trials that are put as they are. So nothing is
logged, nothing has to be taken back through Optuna's rules of which state may follow which, and no
private attribute is needed. Imports Optuna, so it is imported only where a sampler is asked.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lanewise.search.core.events import Metrics, Params
from lanewise.search.core.history import FirstPause, History, Trial
from lanewise.search.core.ranking import rank_of
from lanewise.search.core.spec import Objective
from lanewise.search.core.states import COMPLETED, PAUSED, STOPPED
from lanewise.spaces import Space

# These model the trials as they are. All others may leave notes on them when they are asked (the
# state of CMA-ES, a generation, the index in a sequence), on which their next answers rest.
WITHOUT_NOTES = (
    optuna.samplers.TPESampler,
    optuna.samplers.GPSampler,
    optuna.samplers.RandomSampler,
    optuna.samplers.BruteForceSampler,
)
_START = datetime(1970, 1, 1, tzinfo=UTC)  # the core knows no clock


class MirroredStudy:
    """Follows one history, and proposes the configurations of its next trials.

    A sampler that leaves notes is asked again for every trial of a history that it has not seen
    grow, in the order of what happened, so that it leaves the same notes. It learns a trial's
    value once: when the trial first pauses, or ends. What was tried before the sweep comes first,
    as trials with numbers below 0.

    Args:
        make: a fresh sampler for the trial of that number; always of one class.
    """

    def __init__(self, space: Space, history: History, make: Callable[[int], BaseSampler]) -> None:
        self.space = space
        self.make = make
        sampler = make(0)
        self._leaves_notes = type(sampler) not in WITHOUT_NOTES
        # TPE alone learns from pruned trials, and of one objective. For the others those that were
        # stopped early are complete: they would learn from the few that were not, or from none.
        is_tpe = isinstance(sampler, optuna.samplers.TPESampler)
        self._early = (
            TrialState.PRUNED if is_tpe and len(history.objectives) == 1 else TrialState.COMPLETE
        )
        self.storage = Storage(history.objectives)
        self.study = _Study(Storage.NAME, self.storage, sampler=sampler)
        self._seen = 0  # of the history's changes
        self._prior = len(history.prior)
        self._known = -self._prior  # the number of the history's next trial
        # Behind those: proposals that the history had not yet, each with the notes before it.
        self._assumed: list[tuple[Params, dict[str, Any]]] = []
        for number, prior in enumerate(history.prior, self._known):
            self.assume(prior.params)
            self._confirm()
            state = TrialState.COMPLETE if prior.epoch is None else self._early
            self._tell(
                number, prior.params, state, _values(history, prior.metrics), prior.epoch or 0
            )

    @property
    def has_stopped(self) -> bool:
        """Whether the sampler has said that there is nothing left to try."""
        return self.study.has_stopped

    def ask(self) -> Params:
        """A proposal for the next trial, which is then assumed to be running."""
        notes = dict(self.storage.notes)
        number = self._known + len(self._assumed)
        self.study.sampler = self.make(number)
        params = self.space.suggest(self.study.ask())
        self._assumed.append((params, notes))
        self._put(number, params)
        return params

    def assume(self, params: Params) -> None:
        """The next trial, whose parameters were not proposed here, is assumed to be running."""
        notes = dict(self.storage.notes)
        if self._leaves_notes:
            self.ask()
            del self._assumed[-1]
        self._assumed.append((params, notes))
        self._put(self._known + len(self._assumed) - 1, params)

    def follow(self, history: History) -> None:
        """Takes in what has happened since the last call."""
        self._forget_wrong_assumptions(history)
        changes = history.changes[self._seen :]
        last = {number: position for position, number in enumerate(changes, self._seen)}
        for position, number in enumerate(changes, self._seen):
            trial = history.trials[number]
            if number == self._known:
                if not self._assumed:
                    self.assume(trial.segments[0].params)
                self._confirm()
            pause = trial.first_pause if self._leaves_notes else None
            if position == (last[number] if pause is None else pause.change):
                self._learn(history, trial, pause)
        self._seen = len(history.changes)

    def _forget_wrong_assumptions(self, history: History) -> None:
        for number, (params, notes) in enumerate(self._assumed, self._known):
            if number >= len(history) or history.trials[number].segments[0].params != params:
                del self._assumed[number - self._known :]
                del self.storage.trials[number + self._prior :]
                self.storage.notes = notes
                break

    def _confirm(self) -> None:
        """The first proposal that was assumed to be tried is."""
        del self._assumed[0]
        self._known += 1

    def _learn(self, history: History, trial: Trial, pause: FirstPause | None) -> None:
        """Puts the trial as Optuna is to see it."""
        params = trial.segments[0].params
        is_early = pause is not None or trial.status in (STOPPED, PAUSED)
        if not is_early and trial.is_open:
            self._put(trial.number, params)
            return
        state = self._early if is_early else TrialState.COMPLETE
        epoch = trial.epoch if pause is None else pause.epoch
        metrics = _best_metrics(history, trial, epoch)
        if metrics is None or not (is_early or trial.status == COMPLETED):
            state, values = TrialState.FAIL, None
        else:
            values = _values(history, metrics)
        self._tell(trial.number, params, state, values, epoch)

    def _tell(
        self, number: int, params: Params, state: TrialState, values: _Values | None, epoch: int
    ) -> None:
        state = TrialState.FAIL if values is None else state
        self._put(number, params, state, values, epoch)
        if self._leaves_notes:
            told = self.storage.trials[number + self._prior]
            self.study.sampler = self.make(number)
            self.study.sampler.after_trial(self.study, told, state, told.values)

    def _put(
        self,
        number: int,
        config: Params,
        state: TrialState = TrialState.RUNNING,
        values: _Values | None = None,
        epoch: int = 0,
    ) -> None:
        trials, index = self.storage.trials, number + self._prior
        notes = trials[index].system_attrs if self._leaves_notes and index < len(trials) else {}
        params, distributions = self.space.encode(config)
        is_pruned = state == TrialState.PRUNED
        trial = FrozenTrial(
            number=index,
            trial_id=index,
            state=state,
            value=None,
            values=None if values is None or is_pruned else values.objectives,
            datetime_start=_START,
            datetime_complete=_START if state.is_finished() else None,
            params=params,
            distributions=distributions,
            user_attrs={},
            system_attrs=dict(notes),
            intermediate_values={epoch: values.objectives[0]} if values and is_pruned else {},
        )
        for key, violation in enumerate(values.violations if values else ()):
            trial.set_constraint(str(key), violation)
        trials[index : index + 1] = [trial]


@dataclass(frozen=True)
class _Values:
    """The objectives, and by how much each constraint is missed."""

    objectives: list[float]
    violations: list[float]


def _values(history: History, metrics: Metrics) -> _Values | None:
    """None where a metric of a constraint is missing: nothing can be learned from it then."""
    violations = [constraint.violation(metrics) for constraint in history.constraints]
    if math.inf in violations:
        return None
    return _Values([metrics[o.metric] for o in history.objectives], violations)


def _best_metrics(history: History, trial: Trial, until: int) -> Metrics | None:
    """Of the best epoch up to that one; None where there is none."""
    ranked = [
        (rank_of(history.objective, epoch, metrics, history.constraints), metrics)
        for epoch, metrics in trial.rows
        if epoch <= until
    ]
    return max(ranked, key=lambda row: row[0])[1] if ranked else None


class _Study(optuna.Study):
    has_stopped = False

    def stop(self) -> None:
        """Called by samplers that have tried everything; there is no loop to be left here."""
        self.has_stopped = True


class Storage(BaseStorage):
    """The trials of one study, by number; ``notes`` are what samplers write on the study."""

    NAME = "sweep"

    def __init__(self, objectives: Sequence[Objective]) -> None:
        directions = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}
        self.directions = [directions[objective.mode] for objective in objectives]
        self.trials: list[FrozenTrial] = []
        self.notes: dict[str, Any] = {}

    # -- the study ---------------------------------------------------------------------------

    def get_study_id_from_name(self, study_name: str) -> int:
        return 0

    def get_study_name_from_id(self, study_id: int) -> str:
        return self.NAME

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self.directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return {}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self.notes

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self.notes[key] = value

    # -- its trials --------------------------------------------------------------------------

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        number = len(self.trials)
        trial = FrozenTrial(
            number=number,
            trial_id=number,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=_START,
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        self.trials.append(trial)
        return number

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        trial = self.trials[trial_id]
        trial.params[param_name] = distribution.to_external_repr(param_value_internal)
        trial.distributions[param_name] = distribution

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self.trials[trial_id].system_attrs[key] = value

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self.trials[trial_id]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        trials = [trial for trial in self.trials if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    # -- what a sampler has no business with: trials are told, not run ------------------------

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        raise _refused("create_new_study")

    def delete_study(self, study_id: int) -> None:
        raise _refused("delete_study")

    def get_all_studies(self) -> list[Any]:
        raise _refused("get_all_studies")

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        raise _refused("set_study_user_attr")

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self.trials[trial_id].user_attrs[key] = value

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        raise _refused("set_trial_state_values")

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        raise _refused("set_trial_intermediate_value")


def _refused(method: str) -> NotImplementedError:
    return NotImplementedError(
        f"the sampler calls {method} of Optuna's storage; a sampler in a sweep may read its study "
        "and suggest, but neither make studies nor end trials"
    )
