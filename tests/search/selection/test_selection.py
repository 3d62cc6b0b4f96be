"""The estimate of what a selected score is worth, against slow ways to the same numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from lanewise.search.selection.estimate import corrected, tied
from lanewise.search.selection.sample import BITS, Sample
from lanewise.search.selection.statistics import STATISTICS, BalancedAccuracy, RocAuc
from lanewise.search.selection.stream import Evaluation, Stream
from lanewise.search.selection.weights import draw, out_of_bag

Array = NDArray[Any]

ROWS = 60


def sample(statistic: str = "mean", classes: int = 2, rows: int = ROWS, **changes: Any) -> Sample:
    rng = np.random.default_rng(5)
    is_share = statistic != "mean" or changes.get("dtype", BITS) == BITS
    made = Sample(
        statistic=statistic,
        mode="max",
        clusters_N=np.arange(rows),
        codes_N=rng.integers(0, classes, rows),
        classes=classes,
        columns=classes if statistic == "roc_auc" and classes > 2 else 1,
        dtype=BITS,
        total=rows,
        is_share=is_share,
    )
    return replace(made, **changes)


def bits(count: int, rows: int = ROWS, seed: int = 0, chance: float = 0.8) -> list[Evaluation]:
    rng = np.random.default_rng(seed)
    return [
        Evaluation(e // 3, 1 + e % 3, (rng.random((1, rows)) < chance).astype(np.uint8))
        for e in range(count)
    ]


def in_full(of: Sample, statistic: str, values_KN: Array, weights_N: Array) -> float:
    """The metric of rows that are repeated as often as drawn, by scikit-learn."""
    rows = np.repeat(np.arange(of.rows), weights_N.astype(int))
    y, values = of.codes_N[rows], values_KN[:, rows]
    if statistic == "mean":
        return float(values.mean())
    if statistic == "balanced_accuracy":
        right = np.where(values[0] > 0, y, (y + 1) % of.classes)
        return float(np.mean([(right[y == c] == c).mean() for c in np.unique(y)]))
    if statistic == "f1":
        average = "binary" if of.classes == 2 else "macro"
        return float(f1_score(y, values[0], average=average, zero_division=0))
    if of.classes == 2:
        return float(roc_auc_score(y, values[0]))
    return float(np.mean([roc_auc_score(y == c, values[c]) for c in range(of.classes)]))


@pytest.mark.parametrize(
    ("statistic", "classes"),
    [
        ("mean", 2),
        ("balanced_accuracy", 2),
        ("balanced_accuracy", 3),
        ("f1", 2),
        ("f1", 3),
        ("roc_auc", 2),
        ("roc_auc", 3),
    ],
)
def test_a_weighted_metric_is_that_of_rows_repeated_so_often(statistic: str, classes: int) -> None:
    of, rng = sample(statistic, classes), np.random.default_rng(1)
    made = STATISTICS[statistic](of)
    weights_BN = draw(of.clusters_N, made.is_defined, count=4)
    shape = 3, of.columns, ROWS
    values_EKN = {
        "f1": rng.integers(0, classes, shape),
        "roc_auc": rng.integers(0, 9, shape).astype(np.float32),  # with ties
    }.get(statistic, rng.integers(0, 2, shape))
    expected = [[in_full(of, statistic, v, w) for w in weights_BN] for v in values_EKN]
    assert made.score(values_EKN, weights_BN) == pytest.approx(np.array(expected), abs=1e-6)


def test_balanced_accuracy_is_scikit_learns() -> None:
    of = sample("balanced_accuracy")
    called = np.where(np.arange(ROWS) % 4 > 0, of.codes_N, 1 - of.codes_N)
    right = (called == of.codes_N)[None, None]
    found = BalancedAccuracy(of).score(right, np.ones((1, ROWS), np.float32))[0, 0]
    assert found == pytest.approx(balanced_accuracy_score(of.codes_N, called))


@pytest.mark.parametrize("classes", [2, 4])
def test_areas_are_ranked_by_their_first_order_terms(classes: int) -> None:
    of, rng = sample("roc_auc", classes, rows=400), np.random.default_rng(2)
    signal = np.stack([of.codes_N == c for c in range(classes)])[-of.columns :]
    values_EKN = (signal + rng.normal(size=(5, of.columns, 400))).astype(np.float32)
    made = RocAuc(of)
    weights_BN = draw(of.clusters_N, made.is_defined, count=50)
    exact, about = made.score(values_EKN, weights_BN), made.rank(values_EKN, weights_BN)
    assert np.abs(exact - about).max() < 0.3 * exact.std(1).max()
    ones = np.ones((1, 400), np.float32)
    assert made.rank(values_EKN, ones) == pytest.approx(made.score(values_EKN, ones), abs=1e-5)


def slow(of: Sample, evaluations: list[Evaluation], weights_BN: Array) -> tuple[float, ...]:
    """BBC and Efron's estimate as their papers say it, without a stream."""
    made = STATISTICS[of.statistic](of)
    ordered = sorted(evaluations, key=lambda each: (each.trial, each.epoch))
    values_EKN = np.stack([each.values_KN for each in ordered])
    in_bag = of.sign * made.score(values_EKN, weights_BN)
    out = of.sign * made.score(values_EKN, out_of_bag(weights_BN))
    full = of.sign * made.score(values_EKN, np.ones((1, of.rows), np.float32))[:, 0]
    best = in_bag.argmax(0)
    each = np.arange(len(best))
    optimism = (in_bag[best, each] - full[best]).mean()
    return float(out[best, each].mean()), float(full.max() - optimism)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("dtype", [BITS, "<f4"])
def test_a_stream_gives_what_all_evaluations_at_once_give(mode: str, dtype: str) -> None:
    of = sample(mode=mode, dtype=dtype)
    evaluations = bits(200)
    if dtype != BITS:
        rng = np.random.default_rng(3)
        evaluations = [
            replace(e, values_KN=rng.gamma(2, size=(1, ROWS)).astype("<f4")) for e in evaluations
        ]
    stream = Stream(of)
    for first in range(0, 200, 13):
        stream.take(evaluations[first : first + 13])
    bbc, efron = slow(of, evaluations, stream.weights_BN)
    found = corrected(stream, of.metric(stream.naive))
    assert found is not None
    assert found.score == pytest.approx(of.metric(0.75 * bbc + 0.25 * efron), abs=1e-5)
    assert found.low < found.score < found.high


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_evaluations_makes_no_difference(random: Any) -> None:
    evaluations = bits(90)  # of 60 rows: equal scores are the rule
    one, other = Stream(sample()), Stream(sample())
    one.take(evaluations)
    random.shuffle(evaluations)
    for first in range(0, 90, 7):
        other.take(evaluations[first : first + 7])
    assert (one.state_B == other.state_B).all()
    assert one.naive == other.naive


def test_a_stream_goes_on_from_what_was_stored() -> None:
    evaluations = bits(60)
    whole, first, second = (Stream(sample()) for _ in range(3))
    whole.take(evaluations)
    first.take(evaluations[:25])
    assert second.load(*first.dump())
    second.take(evaluations[25:])
    assert (whole.state_B == second.state_B).all()
    assert whole.dump() == second.dump()


@pytest.mark.parametrize(
    "other", [sample(mode="min"), sample(rows=59), sample(total=100), sample("f1")]
)
def test_a_stream_of_other_rows_is_not_gone_on_with(other: Sample) -> None:
    stream = Stream(sample())
    stream.take(bits(10))
    assert not Stream(other).load(*stream.dump())
    about, state = stream.dump()
    assert not Stream(sample()).load({**about, "format": 0}, state)
    assert not Stream(sample()).load(about, state[:-8])


def test_the_maximum_of_equal_models_is_corrected_to_about_their_mean() -> None:
    gaps = []
    for seed in range(12):
        stream = Stream(sample(rows=200))
        stream.take(bits(150, rows=200, seed=seed))
        found = corrected(stream, stream.naive)
        assert found is not None
        assert stream.naive > 0.85
        gaps.append(found.score - 0.8)
    # Each is within about 0.01; 6 standard errors of their mean.
    assert abs(np.mean(gaps)) < 6 * 0.01 / math.sqrt(12)


def test_what_cannot_be_told_is_not_told() -> None:
    empty, single, one_class = (
        Stream(of) for of in (sample(), sample(rows=1), sample("roc_auc", codes_N=np.zeros(ROWS)))
    )
    single.take(bits(3, rows=1))
    scores = np.random.default_rng(0).normal(size=(1, ROWS))
    one_class.take([Evaluation(0, 1, scores)])
    assert [corrected(each, 0.5) for each in (empty, single, one_class)] == [None] * 3


def test_one_trial_has_nothing_to_correct() -> None:
    stream = Stream(sample())
    stream.take(bits(1))
    found = corrected(stream, stream.naive)
    assert found is not None
    assert found.score == pytest.approx(stream.naive, abs=0.005)
    assert tied(stream, 0, {0: bits(1)[0].values_KN}, {0: 0.8}) == ()


def test_constant_scores_are_certain() -> None:
    stream = Stream(sample())
    values = np.ones((1, ROWS), np.uint8)
    stream.take([Evaluation(trial, 1, values) for trial in range(4)])
    found = corrected(stream, 1.0)
    assert found is not None
    assert (found.low, found.score, found.high) == (1.0, 1.0, 1.0)
    assert tied(stream, 2, dict.fromkeys(range(4), values), dict.fromkeys(range(4), 1.0)) == (
        0,
        1,
        3,
    )


def test_an_evaluation_that_is_not_finite_is_counted_and_wins_nothing() -> None:
    stream = Stream(sample(dtype="<f4", is_share=False))
    values = np.full((1, ROWS), 0.5, np.float32)
    stream.take([Evaluation(0, 1, values), Evaluation(1, 1, values + np.inf)])
    assert stream.count == 2
    assert stream.naive == 0.5


def test_the_tied_are_those_whose_difference_may_be_chance() -> None:
    of = sample(rows=200)
    stream, row = Stream(of), np.arange(200)
    best, near, far = (((row % 100) >= wrong)[None].astype(np.uint8) for wrong in (10, 12, 30))
    other = ((row % 100) < 88)[None].astype(np.uint8)  # as good as `near`, wrong elsewhere
    values = {0: far, 1: best, 2: near, 3: other}
    # `near` is wrong on four more rows than the best, and nowhere better: that is no chance.
    assert tied(stream, 1, values, {n: float(v.mean()) for n, v in values.items()}) == (3,)


def test_groups_are_drawn_as_a_whole_and_widen_the_interval() -> None:
    clusters = np.repeat(np.arange(10), 20)
    weights_BN = draw(clusters, lambda w: w.any(1), count=300)
    assert weights_BN.shape == (300, 200)
    assert (weights_BN.reshape(300, 10, 20) == weights_BN[:, ::20, None]).all()
    assert out_of_bag(weights_BN).any(1).all()
    rng = np.random.default_rng(0)
    values = np.repeat(rng.random(10) < 0.7, 20)[None].astype(np.uint8)
    widths = []
    for of in (sample(rows=200), sample(rows=200, clusters_N=clusters)):
        stream = Stream(of)
        stream.take([Evaluation(0, 1, values)])
        found = corrected(stream, stream.naive)
        assert found is not None
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_of_a_part_of_the_rows_less_is_subtracted() -> None:
    found = []
    for total in (200, 800):
        stream = Stream(sample(rows=200, total=total))
        stream.take(bits(150, rows=200))
        found.append(corrected(stream, stream.naive))
    small, large = found
    assert small is not None
    assert large is not None
    naive = stream.naive
    assert naive - large.score == pytest.approx((naive - small.score) / 2)
    assert large.high - large.low == pytest.approx((small.high - small.low) / 2)


def test_the_root_of_squares_is_corrected_as_squares() -> None:
    of = sample(dtype="<f4", mode="min", is_root=True, is_share=False)
    stream, rng = Stream(of), np.random.default_rng(4)
    stream.take([Evaluation(e, 1, rng.gamma(2, size=(1, ROWS)).astype("<f4")) for e in range(50)])
    naive = of.metric(stream.naive)
    found = corrected(stream, naive)
    assert found is not None
    assert found.low < found.score < found.high
    assert found.score > naive


@pytest.mark.parametrize(("dtype", "columns"), [(BITS, 1), (BITS, 3), ("<f4", 2), ("<u2", 1)])
def test_values_come_back_from_bytes(dtype: str, columns: int) -> None:
    of = sample(dtype=dtype, columns=columns)
    values = np.random.default_rng(0).integers(0, 2, (columns, ROWS))
    body = np.packbits(values).tobytes() if dtype == BITS else values.astype(dtype).tobytes()
    assert (of.decode(body) == values).all()
    with pytest.raises(ValueError, match=r"bytes|size|reshape"):
        of.decode(body[:-1])
