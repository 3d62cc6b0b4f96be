"""Bayesian optimization with a Gaussian process (Snoek et al., NeurIPS 2012), as Optuna has it."""

from __future__ import annotations

from lanewise.search.samplers.options import check_count, check_flag
from lanewise.search.samplers.optuna import OptunaSampler
from lanewise.spaces import Space


def gp(space: Space, seed: int, startup: int = 10, deterministic: bool = False) -> OptunaSampler:
    """Optuna's Gaussian process; best where trials are few and dear, an ask takes seconds.

    Of a conditional space it models the parameters that every trial has. It runs in torch.

    Args:
        startup: random configurations before the process is fitted.
        deterministic: whether a configuration trained again would give the same value.
    """
    check_count("startup", startup, 0)
    check_flag("deterministic", deterministic)
    options = {"n_startup_trials": startup, "deterministic_objective": deterministic}
    return OptunaSampler(space, seed, "gp", options)
