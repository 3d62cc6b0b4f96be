"""The model of learning curves that is compared with ASHA."""

from __future__ import annotations

import math

import numpy as np
import pytest
from freeze_thaw import CurveModel, Points, regrets, spread, warped


@pytest.fixture
def seen() -> tuple[Points, np.ndarray]:
    """Two epochs of each of 30 trials, whose curves are smooth in the one feature."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.random(30), 2)
    t = np.tile([0.0, 0.5], 30)
    values = np.sin(3 * x) + t + 0.01 * rng.standard_normal(60)
    return Points(x[:, None], t, np.arange(60) // 2), values - values.mean()


def test_a_factor_grows_as_if_made_at_once(seen):
    points, _ = seen
    model = CurveModel(np.zeros(1, dtype=np.int64))
    whole = model.factor(points)
    assert whole == pytest.approx(model.factor(points, model.factor(points[:40])), abs=1e-8)
    noise = (model.weights[-1] + 1e-6) * np.eye(60)
    assert whole @ whole.T == pytest.approx(model.kernel(points, points) + noise, abs=1e-8)


def test_a_fit_makes_the_values_likelier(seen):
    points, values = seen
    model = CurveModel(np.zeros(1, dtype=np.int64))

    def loss():
        factor = model.factor(points)
        z = np.linalg.solve(factor, values)
        return 0.5 * z @ z + np.log(np.diag(factor)).sum()

    before = loss()
    model.fit(points, values)
    assert loss() < before - 10
    assert math.exp(model.theta[-2]) < 0.05  # the noise, which was 0.01


def test_the_best_scores_have_the_most_room():
    steps = np.diff(warped(np.array([0.0, 0.1, 0.2, 0.3, 0.4])))
    assert list(steps) == sorted(steps)
    assert np.isfinite(warped(np.ones(3))).all()


def test_a_fit_takes_the_best_and_a_random_rest():
    values = np.random.default_rng(0).random(400)
    some = spread(values, seed=0)
    assert len(set(some)) == 120
    assert set(np.argsort(-values)[:40]) <= set(some)


@pytest.mark.long
def test_both_play_to_the_end_and_never_lose_what_they_found():
    costs: list[float] = []
    for found in (regrets("table", 0, 2, 60), regrets("table", 0, 2, 60, costs)):
        assert len(found) == 60
        assert (np.diff(found) <= 0).all()
    assert costs
