"""A search's best configurations trained again: `TuneSearchCV.verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lanewise.estimators.lanes import Trained
from lanewise.estimators.scoring import SINGLE, Scoring
from lanewise.search.core.seeds import trial_seed
from lanewise.search.core.sweep import Run
from lanewise.search.selection.repeated import Repeated, of_moments
from lanewise.verify import Candidate, Request, Verified, ranked_by_mean

Results = Mapping[str, Any]  # cv_results_


def candidates(results: Results, by: str, top: int) -> list[int]:
    """The indices of the best, the best one first.

    Raises:
        ValueError: fewer have a score.
    """
    order = np.argsort(results[f"rank_test_{by}"], kind="stable")
    usable = [int(i) for i in order if np.isfinite(results[f"mean_test_{by}"][i])]
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= len(usable):
        message = f"top: {top!r} is not allowed (1 to {len(usable)} configurations with a score)"
        raise ValueError(message)
    return usable[:top]


def runs(results: Results, best: Sequence[int], seed: int, until: int | None) -> list[Run]:
    """Their trainings: up to the epoch that was best, or up to `until`."""
    return [
        Run(
            number=number,
            params=results["params"][index],
            seed=trial_seed(seed, number),
            attempt=1,
            epoch=0,
            until=until or int(results["epoch"][index]),
        )
        for number, index in enumerate(best)
    ]


def verified(
    results: Results,
    best: Sequence[int],
    trained: Sequence[Trained],
    scoring: Scoring,
    by: str,
    folds: int,
    seeds: int,
) -> Verified:
    """What came of them.

    Raises:
        ValueError: all have failed.
    """
    known = {each.number: each for each in trained}
    made = [
        Candidate(
            index,
            results["params"][index],
            {},
            int(results["epoch"][index]),
            float(results[f"mean_test_{by}"][index]),
            _score(known[number], scoring, by, folds, seeds),
        )
        for number, index in enumerate(best)
    ]
    if all(each.again is None for each in made):
        error = next(each.error for each in trained)
        raise ValueError(f"all of the {len(made)} configurations failed, such as by {error!r}")
    ordered, tied = ranked_by_mean(made, sign=1.0)
    metric = scoring.metric if by == SINGLE else by
    return Verified("", metric, Request(len(best), seeds, folds), ordered, tied)


def _score(trained: Trained, scoring: Scoring, by: str, folds: int, seeds: int) -> Repeated | None:
    if trained.error is not None or not trained.rows:
        return None
    if trained.scores:
        values = [each[by] for each in trained.scores]
        mean, deviation = float(np.mean(values)), float(np.std(values))
    else:
        row = trained.rows[-1][1]
        mean = scoring.sign * row[scoring.metric]
        deviation = row.get(f"{scoring.metric}_std", 0.0)
    return of_moments(mean, deviation, folds * seeds, folds)
