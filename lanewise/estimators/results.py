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
    """A configuration that was tried. scores: of each fold; NaN where it failed."""

    params: Mapping[str, Any]
    scores: Sequence[float]
    epoch: int  # of which the scores are
    fit_seconds: float  # of each fold
    score_seconds: float


def cv_results(candidates: Sequence[Candidate], folds: int) -> dict[str, Any]:
    """One entry a candidate in each column, in the order in which they were asked for."""
    scores_TF = np.array([each.scores for each in candidates], np.float64)
    mean = scores_TF.mean(1)
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
    for fold in range(folds):
        found[f"split{fold}_test_score"] = scores_TF[:, fold]
    found["mean_test_score"] = mean
    found["std_test_score"] = scores_TF.std(1)
    found["rank_test_score"] = _ranks(mean)
    return found


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
