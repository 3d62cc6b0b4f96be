"""A sweep as an Optuna study in memory, for Optuna's own plots.

Every trial with a usable value counts as complete with its best value, stopped ones included: as
with the sweep's best. (The sampler's own study, in ``search.tpe``, calls them pruned.) Trial
numbers are the sweep's, and so is the order in which ``best_first`` gives them.
"""

from __future__ import annotations

import html
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lanewise.search.history import Trial
from lanewise.search.view import View

_PLACE = "place"  # among the sweep's trials, from 0 for the best; None without a value
LONGEST_LABEL = 24  # characters of a choice's label beside an axis


def make_study(view: View) -> optuna.Study:
    """The study; names and labels are escaped, since Plotly reads them as HTML."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    best = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    study = optuna.create_study(direction=best[view.spec.objective.mode == "min"])
    places = {trial.number: place for place, trial in enumerate(view.history.ranked())}
    study.add_trials(_frozen(view, trial, places.get(trial.number)) for trial in view.history)
    return study


def best_first(study: optuna.Study) -> list[FrozenTrial]:
    """The trials with a value, in the sweep's order."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(complete, key=lambda trial: int(trial.user_attrs[_PLACE]))


def _frozen(view: View, trial: Trial, place: int | None) -> FrozenTrial:
    params, distributions = view.spec.space.encode(trial.params)
    domains = {name: _domain(distribution) for name, distribution in distributions.items()}
    return create_trial(
        state=TrialState.FAIL if trial.best is None else TrialState.COMPLETE,
        value=None if trial.best is None else trial.best[1],
        params={
            shown(name): _value(value, distributions[name], domains[name])
            for name, value in params.items()
        },
        distributions={shown(name): domain for name, domain in domains.items()},
        user_attrs={_PLACE: place},
    )


def shown(name: str, length: int = 60) -> str:
    """A name or label as text for Plotly, which understands a little HTML."""
    return html.escape(_short(name, length), quote=False)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2]}…{text[1 - length // 2 :]}"


def _value(value: Any, before: BaseDistribution, after: BaseDistribution) -> Any:
    """A value with the label that its choice has now."""
    if isinstance(before, CategoricalDistribution) and isinstance(after, CategoricalDistribution):
        return after.choices[int(before.to_internal_repr(value))]
    return value


def _domain(distribution: BaseDistribution) -> BaseDistribution:
    """The distribution, with labels of choices that are short and differ all the same."""
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    labels = [
        shown(choice, LONGEST_LABEL) if isinstance(choice, str) else choice
        for choice in distribution.choices
    ]
    told = [
        f"{label} ({place})" if isinstance(label, str) and labels.count(label) > 1 else label
        for place, label in enumerate(labels, 1)
    ]
    return CategoricalDistribution(told)
