"""Metrics that a validation part leaves undefined: one line before the first trial, or a note."""

import numpy as np
import pandas as pd
import pytest

from lanewise.init import draft
from lanewise.plan import make_plan
from lanewise.sweepfile import parse
from lanewise.trainables.errors import ConfigError


def rows(folder, y, name="rows.csv", **columns):
    r = np.random.default_rng(0)
    frame = pd.DataFrame({"a": r.normal(size=len(y)), **columns, "y": y})
    frame.to_csv(folder / name, index=False)


def plan(folder, metric="val_roc_auc", metrics=(), data=None, mode="maximize", **more):
    body = {
        "name": "s",
        "data": {"source": "csv:rows.csv", "target": "y", **(data or {})},
        "model": "mlp",
        "objective": {mode: metric},
        "metrics": list(metrics),
        "budget": {"trials": 1, "epochs": 1},
        **more,
    }
    return make_plan(parse(body, "s"), folder).prepared


def refused(folder, **more):
    with pytest.raises(ConfigError) as caught:
        plan(folder, **more)
    assert caught.value.path == "objective"
    assert "\n" not in str(caught.value)
    return caught.value.message


def rare(positive, rows=100):
    return ["yes"] * positive + ["no"] * (rows - positive)


@pytest.mark.parametrize(
    ("positive", "folds", "fold", "advice"),
    [
        (3, 5, 4, "give 3 folds at most, for a class has 3 rows; or name another metric"),
        (2, 4, 3, "give 2 folds at most, for a class has 2 rows; or name another metric"),
        (1, 3, 2, "no number of folds helps, for a class has 1 row; or name another metric"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_folds_without_a_class_are_one_line(positive, folds, fold, advice, swapped, tmp_path):
    """Without a positive, or without a negative."""
    y = rare(positive)
    rows(tmp_path, [{"yes": "no", "no": "yes"}[v] for v in y] if swapped else y)
    message = refused(tmp_path, folds=folds, data={"split": [1, 0, 0]})
    assert "val_roc_auc is not defined on the validation part of fold " in message
    assert f"of {folds}: it has rows of class '{'yes' if swapped else 'no'}' alone" in message
    assert message.endswith(advice)
    if positive > 1:
        plan(tmp_path, folds=positive, data={"split": [1, 0, 0]})  # the advice helps


def test_a_validation_part_without_a_class(tmp_path):
    rows(tmp_path, rare(2))
    message = refused(tmp_path)
    assert message == (
        "val_roc_auc is not defined on the validation part: it has rows of class 'no' alone (15); "
        "give a larger validation share in data.split, or name another metric"
    )
    rows(tmp_path, rare(20))
    assert not plan(tmp_path).notes


def test_a_validation_file_without_a_class(tmp_path):
    rows(tmp_path, rare(50))
    rows(tmp_path, ["no"] * 9, "later.csv")
    message = refused(tmp_path, data={"validation": "csv:later.csv", "split": [1, 0, 0]})
    assert "on the validation part, csv:later.csv: it has rows of class 'no' alone (9)" in message
    assert message.endswith("give it further rows, or name another metric")


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("group", "whole groups come into a part: give fewer folds, or name another metric"),
        ("order", "parts follow each other in time: give fewer folds, or name another metric"),
        ("stratify", "leave out stratify: who, so that parts have alike shares of classes"),
    ],
)
def test_the_advice_is_by_how_the_rows_were_parted(key, advice, tmp_path):
    rows(tmp_path, rare(12, 120), who=np.repeat(np.arange(10), 12))
    data = {key: "who", "split": [1, 0, 0]}
    if key == "stratify":  # by a column of which each value is in one class
        rows(tmp_path, rare(3, 120), who=[*range(3), *np.repeat(np.arange(3, 12), 13)])
    assert refused(tmp_path, folds=4, data=data).endswith(advice)


def test_several_classes_need_two_of_them(tmp_path):
    y = np.array(["a", "b", "c"])[np.repeat(np.arange(3), 40)]
    rows(tmp_path, y, when=np.arange(120))
    message = refused(tmp_path, folds=2, data={"order": "when", "split": [1, 0, 0]})
    assert "fold 1 of 2: it has rows of class 'b' alone (40)" in message
    plan(tmp_path, folds=5, data={"split": [1, 0, 0]})


@pytest.mark.parametrize(
    "y", [[0.5] * 60 + [1.5, 2.5, 3.5] * 20, [1.5, 2.5, 3.5] * 20 + [0.5] * 60]
)
def test_r2_of_one_value_is_one_line(y, tmp_path):
    rows(tmp_path, y, when=np.arange(120))
    data = {"order": "when", "split": [0.5, 0.25, 0.25]}
    if y[0] == 0.5:
        plan(tmp_path, "val_r2", data=data)
    else:
        message = refused(tmp_path, metric="val_r2", data=data)
        assert "val_r2 is not defined on the validation part: it has one value alone" in message
    plan(tmp_path, "val_rmse", data=data, mode="minimize")


def test_what_says_little_is_told(tmp_path):
    rows(tmp_path, rare(3))
    data = {"split": [1, 0, 0]}
    told = plan(tmp_path, "val_f1", data=data, folds=5).notes
    assert any(
        note.startswith("val_f1 is 0 whatever a model does: no row is of class 'yes', in the")
        and note.endswith("give 3 folds at most, for a class has 3 rows; or name another metric")
        for note in told
    )
    told = plan(tmp_path, "val_loss", ["val_roc_auc"], data, "minimize", folds=5).notes
    assert sum("val_roc_auc is not defined on the validation part of fold" in n for n in told) == 1
    told = plan(tmp_path, "val_balanced_accuracy", data=data, folds=5).notes
    assert any("val_balanced_accuracy counts class 'no' alone" in note for note in told)
    assert not plan(tmp_path, "val_f1", ["val_roc_auc"], data, folds=3).notes
    assert not plan(tmp_path, "val_accuracy", ["val_log_loss"], data, folds=5).notes


def test_init_chooses_a_metric_that_is_defined(tmp_path):
    rows(tmp_path, ["yes"] * 6 + ["no"] * 114, day=pd.date_range("2026-01-01", periods=120))
    made = draft(str(tmp_path / "rows.csv"), None, tmp_path / "sweep.yaml")
    assert made.objective == ("minimize", "val_log_loss")
    assert "some part has one class alone" in made.text
