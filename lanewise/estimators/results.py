"""``cv_results_``: what a search found, in the columns of scikit-learn's searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from lanewise.trainables.data.table import Array


@dataclass(frozen=True)
class Candidate:
    """A configuration that was tried. scores: of each fold by scorer; empty where it failed."""

    params: Mapping[str, Any]
    scores: Mapping[str, Sequence[float]]
    epoch: int  # of which the scores are
    fit_seconds: float  # of each fold
    score_seconds: float


def cv_results(candidates: Sequence[Candidate], folds: int, missing: float) -> dict[str, Any]:
    """One entry a candidate in each column, in the order in which they were asked for.

    Args:
        missing: the score of each fold where a candidate failed.
    """
    params = [dict(each.params) for each in candidates]
    spread = np.zeros(len(candidates))
    found: dict[str, Any] = {
        "mean_fit_time": np.array([each.fit_seconds for each in candidates]),
        "std_fit_time": spread,
        "mean_score_time": np.array([each.score_seconds for each in candidates]),
        "std_score_time": spread.copy(),
        **{f"param_{name}": _column(params, name) for name in _names(params)},
        "params": params,
        "epoch": np.array([each.epoch for each in candidates]),
    }
    for name in dict.fromkeys(name for each in candidates for name in each.scores):
        given = [each.scores.get(name, [missing] * folds) for each in candidates]
        found |= _of_scorer(name, np.array(given, np.float64))
    return found


def _of_scorer(name: str, scores_TF: Array) -> dict[str, Any]:
    """The columns of one scorer."""
    found = {f"split{fold}_test_{name}": scores_F for fold, scores_F in enumerate(scores_TF.T)}
    mean = scores_TF.mean(1)
    return found | {
        f"mean_test_{name}": mean,
        f"std_test_{name}": scores_TF.std(1),
        f"rank_test_{name}": _ranks(mean),
    }


def _names(params: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in params for name in each))


def _column(params: Sequence[Mapping[str, Any]], name: str) -> Any:
    """Masked where a candidate does not have the parameter."""
    values: Any = np.ma.MaskedArray(np.empty(len(params), dtype=object), mask=True)
    for place, each in enumerate(params):
        if name in each:
            # An element of a sequence would be broadcast.
            values.data[place], values.mask[place] = each[name], False
    return values


def _ranks(mean: Array) -> Array:
    """1 for the best; what failed is last, and all of it alike."""
    worst = np.nanmin(mean) - 1 if np.isfinite(mean).any() else 0.0
    ranks: Array = rankdata(-np.nan_to_num(mean, nan=worst), method="min").astype(np.int32)
    return ranks
