"""Optuna's own conformance suite over our samplers, wrapped as samplers of Optuna's.

Of ours, ``grid`` is left out: the suite samples ranges of real numbers, which have no points that
it could enumerate. ``gp``, ``cmaes`` and ``nsga2`` are Optuna's, and it tests them itself. Of the
suite, ``SingleOnlySamplerTestCase`` is left out: it wants an error for several objectives.
"""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.trial import TrialState

from lanewise.search.core.events import FINISHED, Asked, Reported, Stop
from lanewise.search.core.history import History
from lanewise.search.core.spec import Objective
from lanewise.search.samplers.random import Random
from lanewise.search.samplers.sobol import Sobol
from lanewise.search.samplers.tpe import TPE
from lanewise.spaces import Choice, Float, Int, Space


class AsOptunas(optuna.samplers.BaseSampler):
    """A sampler of ours: what Optuna knows becomes a history, and a proposal its parameters."""

    def __init__(self, make):
        self.make = make

    def infer_relative_search_space(self, study, trial):
        return optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False))

    def sample_relative(self, study, trial, search_space):
        return self._proposal(study, search_space) if search_space else {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self._proposal(study, {param_name: param_distribution})[param_name]

    def _proposal(self, study, distributions):
        space = Space({name: domain(d) for name, d in distributions.items()})
        history = history_of(study, distributions)
        (params,) = self.make(space, 0).ask(history, [len(history)])
        return {
            name: d.choices[params[name]]
            if isinstance(d, CategoricalDistribution)
            else params[name]
            for name, d in distributions.items()
        }


def domain(distribution):
    match distribution:
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return Float(low, high, log=log, step=step)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return Int(low, high, log=log, step=None if log else step)
    return Choice(list(range(len(distribution.choices))))


def history_of(study, distributions):
    """The study's trials that have these parameters, with values that are still of their ranges."""
    modes = {"MAXIMIZE": "max", "MINIMIZE": "min"}
    objectives = [Objective(str(i), modes[d.name]) for i, d in enumerate(study.directions)]
    history = History(objectives)
    for trial in study.get_trials(deepcopy=False):
        params = dict(known_of(trial, distributions))
        if len(params) < len(distributions):
            continue
        number = len(history)
        history.apply(Asked(number, params, 1, (1,)))
        if trial.state == TrialState.COMPLETE:
            metrics = {str(i): value for i, value in enumerate(trial.values)}
            history.apply(Reported(number, ((1, metrics),), Stop(FINISHED)))
    return history


def known_of(trial, distributions):
    for name, distribution in distributions.items():
        value = trial.params.get(name)
        if isinstance(distribution, CategoricalDistribution):
            if name in trial.params and value in distribution.choices:
                yield name, distribution.choices.index(value)
        elif value is not None and distribution.low <= value <= distribution.high:
            yield name, value


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: AsOptunas(lambda space, seed: TPE(space, seed, startup=1)),
        lambda: AsOptunas(Random),
        lambda: AsOptunas(Sobol),
    ],
    ids=["tpe", "random", "sobol"],
)
class TestOurs(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """The suite, whose tests take a function that makes the sampler."""
