"""A sweep as an Optuna study in memory, for Optuna's own plots.

Every trial with a usable value counts as complete with its best value, stopped ones included: as
with the sweep's best. (The sampler's own study, in ``search.tpe``, calls them pruned.) Trial
numbers are the sweep's.
"""

from __future__ import annotations

import html
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.history import Trial
from search.view import View


def make_study(view: View) -> optuna.Study:
    """The study; names and labels are escaped, since Plotly reads them as HTML."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    best = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    study = optuna.create_study(direction=best[view.spec.objective.mode == "min"])
    study.add_trials(_frozen(view, trial) for trial in view.history)
    return study


def _frozen(view: View, trial: Trial) -> FrozenTrial:
    params, distributions = view.spec.space.encode(trial.params)
    return create_trial(
        state=TrialState.FAIL if trial.best is None else TrialState.COMPLETE,
        value=None if trial.best is None else trial.best[1],
        params={shown(name): _value(value) for name, value in params.items()},
        distributions={shown(name): _domain(each) for name, each in distributions.items()},
    )


def shown(name: str, length: int = 60) -> str:
    """A name or label as text for Plotly, which understands a little HTML."""
    text = name if len(name) <= length else f"{name[: length // 2]}…{name[1 - length // 2 :]}"
    return html.escape(text, quote=False)


def _value(value: Any) -> Any:
    return shown(value) if isinstance(value, str) else value


def _domain(distribution: BaseDistribution) -> BaseDistribution:
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    return CategoricalDistribution([_value(choice) for choice in distribution.choices])
