"""Values of validation rows make up the metric that is reported, for every task and metric."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from rows import sample_of

from lanewise.search.selection.statistics import STATISTICS
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.metrics.losses import make_loss
from lanewise.trainables.metrics.names import BASE, DEFAULT_LOSS, LOSSES, TASKS, complete_loss
from lanewise.trainables.metrics.resampling import MOST, Resampled, resampled
from lanewise.trainables.metrics.row_values import row_values
from lanewise.trainables.metrics.scores import score

N, LANES = 50, 3
CASES = [
    (task, metric)
    for task in TASKS
    for metric in BASE
    if BASE[metric].resampling
    and task in BASE[metric].tasks
    and task != "generation"
    and (task, metric) != ("anomaly", "f1")
]


def made(task):
    """Outputs of three lanes and the targets of a task."""
    rng = torch.Generator().manual_seed(3)
    outputs = {"binary": 1, "multiclass": 4, "regression": 1, "forecasting": 2}.get(task, 5)
    output = torch.randn(LANES, N, outputs, generator=rng)
    if task in ("binary", "multiclass"):
        codes = torch.arange(N) % max(2, outputs)
        return output, codes.float() if task == "binary" else codes
    width = {"regression": 0, "forecasting": 4}.get(task, 5)
    y = torch.randn(N, width, generator=rng) if width else torch.randn(N, generator=rng)
    if task == "anomaly":
        y = torch.cat([y, (torch.arange(N) % 4 == 0).float()[:, None]], 1)
    return output, y


def plan(task, metric, output, y):
    """All rows of one fold."""
    is_normal = y[:, -1] == 0 if task == "anomaly" and metric != "roc_auc" else torch.ones(N)
    rows = np.flatnonzero(is_normal.numpy())
    codes = y[:, -1] if task == "anomaly" else y if y.ndim == 1 else torch.zeros(N)
    classes = output.shape[-1] if task == "multiclass" else 2
    columns = classes if metric == "roc_auc" and classes > 2 else 1
    how = BASE[metric].resampling
    codes = codes.long().numpy()[rows]
    return Resampled(
        task, metric, how, (rows,), codes, np.arange(len(rows)), classes, columns, len(rows)
    )


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_metric_is_made_of_its_rows_values(task, metric):
    output, y = made(task)
    of = plan(task, metric, output, y)
    sample = sample_of(of)
    statistic = STATISTICS[sample.statistic](sample)
    ones = np.ones((1, sample.rows), np.float32)
    for name in (
        [n for n, loss in LOSSES.items() if task in loss.tasks]
        if metric == "loss"
        else [DEFAULT_LOSS[task]]
    ):
        loss_of = make_loss(complete_loss({"name": name}, task), task)
        for scale in (1.0, 2.5):
            values_KCN = row_values(of, 0, output, y.expand(LANES, *y.shape), loss_of, scale)
            assert values_KCN.shape == (LANES, of.columns, sample.rows)
            for lane in range(LANES):
                alone = row_values(of, 0, output[lane], y, loss_of, scale)
                assert np.array_equal(alone, values_KCN[lane])
                stored = sample.decode(of.encode(alone))
                assert np.array_equal(stored, alone)
                value = statistic.score(stored[None], ones)[0, 0]
                told = score([metric], output[lane], y, loss_of, scale, task)[metric]
                assert sample.metric(value) == pytest.approx(told, rel=1e-5, abs=1e-6)


def test_of_many_rows_a_fixed_part_is_kept(prepared):
    of = resampled(prepared("sklearn:digits", folds=3), "val_accuracy", seeds=2)
    assert isinstance(of, Resampled)
    sizes = [len(fold.y_val) for fold in prepared("sklearn:digits", folds=3).folds]
    assert [len(rows) for rows in of.rows] == sizes
    assert (of.total, of.columns) == (sum(sizes), 2)
    areas = resampled(prepared("sklearn:digits", folds=3), "val_roc_auc", seeds=4)
    assert isinstance(areas, Resampled)
    assert areas.columns == 40
    assert len(areas.codes) == 200
    assert areas.total == sum(sizes) <= MOST
    again = resampled(prepared("sklearn:digits", folds=3), "val_roc_auc", seeds=4)
    assert all(np.array_equal(a, b) for a, b in zip(areas.rows, again.rows, strict=True))
    assert all((np.diff(rows) > 0).all() for rows in areas.rows)


@pytest.mark.parametrize(
    ("monitor", "why"),
    [
        ("train_loss", "it is no metric of validation rows"),
        ("gap", "it is no metric of validation rows"),
        ("val_precision", "its value is of all rows together"),
        ("val_threshold", "its value is of all rows together"),
    ],
)
def test_what_cannot_be_resampled_says_so(prepared, monitor, why):
    assert resampled(prepared(), monitor) == why


def test_the_threshold_of_anomalies_is_of_the_rows_that_it_is_judged_on(prepared):
    made = prepared()
    anomaly = replace(made, info=replace(made.info, task="anomaly"))
    assert resampled(anomaly, "val_f1") == "its threshold is chosen on the same rows"


def test_rows_of_a_group_or_a_stretch_of_time_belong_together(tmp_path):
    lines = ["patient,day,x,y", *(f"p{i // 6},{i},{i % 7},{i % 2}" for i in range(120))]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    for named in ({"group": "patient"}, {"order": "day"}):
        table = load_rows(f"csv:{path}", Columns("y", **named), tmp_path)
        data = prepare(table, source="rows", task="binary", split=(0.5, 0.5, 0), seed=0)
        of = resampled(data, "val_accuracy")
        assert isinstance(of, Resampled)
        sizes = np.bincount(of.clusters)
        if "group" in named:
            assert set(sizes) == {6}
        else:
            assert set(sizes[:-1]) == {round(1.5 * math.sqrt(60))}
            assert (np.diff(of.clusters) >= 0).all()
