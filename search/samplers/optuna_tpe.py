"""Tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011), as Optuna implements them.

Optuna's sampler is driven by ask and tell on an in-memory study that mirrors the history, with a
freshly seeded sampler for every ask: a suggestion depends on (history, number, seed) alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from lanewise.search.core.events import Params
from lanewise.search.core.history import History, Trial
from lanewise.search.core.seeds import derive
from lanewise.search.core.states import COMPLETED, STOPPED
from lanewise.search.samplers.random import draw
from lanewise.search.samplers.tpe import check_count
from lanewise.spaces import Space

if TYPE_CHECKING:
    import optuna


class OptunaTPE:
    """Optuna's multivariate TPE with constant liar: running trials repel new ones.

    Args:
        startup: random configurations before the densities are modelled.
        candidates: draws from the good configurations' density, of which the best is proposed.
    """

    is_adaptive, is_finite = True, False

    def __init__(self, space: Space, seed: int, startup: int = 10, candidates: int = 24) -> None:
        check_count("startup", startup, 0)
        check_count("candidates", candidates, 1)
        self.space = space
        self.seed = seed
        self.startup = startup
        self.candidates = candidates
        # A memo: the mirror of a history can always be built again from that history.
        self._mirrors: WeakKeyDictionary[History, _Mirror] = WeakKeyDictionary()

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        # The first ones are what `random` draws for the same seed.
        drawn = [draw(self.space, self.seed, number) for number in numbers if number < self.startup]
        rest = numbers[len(drawn) :]
        if not rest:
            return drawn
        if history not in self._mirrors:
            self._mirrors[history] = _Mirror(self.space, history.objective.mode)
        mirror = self._mirrors[history]
        mirror.follow(history, drawn)
        return drawn + [mirror.suggest(self._sampler(number)) for number in rest]

    def _sampler(self, number: int) -> optuna.samplers.TPESampler:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # `group`
            return optuna.samplers.TPESampler(
                seed=derive(self.seed, number),
                n_startup_trials=self.startup,
                n_ei_candidates=self.candidates,
                multivariate=True,
                constant_liar=True,
                group=self.space.is_conditional,
            )


class _Mirror:
    """An Optuna study whose trials follow the trials of one history, number by number."""

    def __init__(self, space: Space, mode: str) -> None:
        self.space = space
        self.mode = mode
        self._clear()

    def suggest(self, sampler: optuna.samplers.BaseSampler) -> Params:
        """A suggestion for the next trial."""
        self.study.sampler = sampler
        trial = self.study.ask()
        params = self.space.suggest(trial)
        self._forget_notes(trial)
        # Optuna now holds the suggestion as a running trial; whether it becomes one is seen later.
        self.mirrored.append(params)
        self.open.append(len(self.mirrored) - 1)
        return params

    def _forget_notes(self, trial: optuna.Trial) -> None:
        # On a running trial Optuna notes what it drew for it, inactive parameters included, and
        # learns from the notes; a mirror built anew has none, and must suggest the same.
        storage = self.study._storage
        for key in storage.get_trial(trial._trial_id).system_attrs:
            storage.set_trial_system_attr(trial._trial_id, key, "")

    def _clear(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        direction: Literal["maximize", "minimize"]
        direction = "maximize" if self.mode == "max" else "minimize"
        self.study = optuna.create_study(direction=direction)
        self.mirrored: list[Params] = []
        self.open: list[int] = []

    def follow(self, history: History, drawn: Sequence[Params]) -> None:
        """Takes in the history's trials, and those of a batch that are drawn without a model."""
        trials = list(history)
        if any(
            place >= len(trials) or trials[place].params != self.mirrored[place]
            for place in self.open
        ):
            self._clear()  # a suggestion was not taken as it was: build anew
        for trial in trials[len(self.mirrored) :]:
            self._add(trial.params)
        self.open = [place for place in self.open if not self._settle(place, trials[place])]
        for params in drawn:
            self._add(params)

    def _add(self, config: Params) -> None:
        import optuna

        params, distributions = self.space.encode(config)
        self.study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING, params=params, distributions=distributions
            )
        )
        self.mirrored.append(config)
        self.open.append(len(self.mirrored) - 1)

    def _settle(self, place: int, trial: Trial) -> bool:
        """Tells Optuna how a trial ended; False while it is open."""
        from optuna.trial import TrialState

        if trial.is_open:
            return False
        storage = self.study._storage
        key = self.study.get_trials(deepcopy=False)[place]._trial_id
        if trial.best is None or trial.status not in (COMPLETED, STOPPED):
            storage.set_trial_state_values(key, TrialState.FAIL)
        elif trial.status == STOPPED:
            # Not COMPLETE: its value comes from fewer epochs and must not rank among full ones.
            storage.set_trial_intermediate_value(key, trial.epoch, trial.best[1])
            storage.set_trial_state_values(key, TrialState.PRUNED)
        else:
            storage.set_trial_state_values(key, TrialState.COMPLETE, [trial.best[1]])
        return True
