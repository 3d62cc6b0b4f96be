"""Validation and test parts from files of their own."""

import numpy as np
import pytest

from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.parts import load_parts
from lanewise.trainables.data.split import check_split, shares
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.errors import DataError

TRAIN = "a,town,zip,y\n" + "".join(
    f"{n},{('Bern', 'Rome')[n % 2]},{('08001', 'A1')[n % 2]},{('no', 'yes')[n % 2]}\n"
    for n in range(20)
)
VAL = "y,town,a,zip\nyes,Oslo,1000,08001\nno,Bern,,08001\n"  # another order, a town of its own
TEST = "a,town,zip,y\n3,,A1,yes\n4,Rome,08001,no\n5,Rome,08001,no\n"


@pytest.fixture
def files(tmp_path):
    for name, text in {"train": TRAIN, "val": VAL, "test": TEST}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def prepared(base, own, *, target="y", split=None, folds=1, group=None, task=None, seed=0):
    split = shares(split, tuple(own))
    check_split(split, folds, tuple(own))
    parts = load_parts("csv:train.csv", own, target=target, base=base, group=group)
    return prepare(
        parts.main.table,
        source="csv:train.csv",
        task=infer_task(parts.main.table, task=task, metric=None),
        split=split,
        folds=folds,
        seed=seed,
        own=parts.own,
    )


BOTH = {"validation": "csv:val.csv", "test": "csv:test.csv"}


def test_three_files_are_three_parts(files):
    made = prepared(files, BOTH)
    fold = made.folds[0]
    assert made.identity["parts"] == {"train": 20, "val": 2, "test": 3}
    assert (len(fold.x_train), fold.y_val.tolist()) == (20, [1, 0])
    assert made.test.target.tolist() == ["yes", "no", "no"]
    assert made.identity["validation"]["source"] == "csv:val.csv"
    assert made.identity["validation"]["hash"] != made.identity["hash"]
    assert made.info.classes == ("no", "yes")


def test_preprocessing_is_learned_from_training_rows_alone(files):
    fit = prepared(files, BOTH).folds[0].preprocess
    (number,) = fit.numbers
    assert (number.mean, number.median, number.missing) == (9.5, 9.5, False)
    assert [category.levels for category in fit.categories] == [("Bern", "Rome"), ("08001", "A1")]


def test_unseen_categories_are_zeros_and_missing_numbers_the_median(files):
    first, second = prepared(files, BOTH).folds[0].x_val
    assert first[1:3].tolist() == [0, 0]  # Oslo
    assert second[:3].tolist() == [0, 1, 0]  # the median is the mean; Bern
    # All zips of val.csv look like numbers, and are the words that they are in train.csv.
    assert first[3:].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("own", "split", "expected"),
    [
        ({"test": "csv:test.csv"}, None, {"train": 16, "val": 4, "test": 3}),
        ({"test": "csv:test.csv"}, [0.5, 0.5, 0], {"train": 10, "val": 10, "test": 3}),
        ({"validation": "csv:val.csv"}, None, {"train": 16, "val": 2, "test": 4}),
        ({"validation": "csv:val.csv"}, [1, 0, 0], {"train": 20, "val": 2, "test": 0}),
        (BOTH, [1, 0, 0], {"train": 20, "val": 2, "test": 3}),
    ],
)
def test_what_has_no_file_is_cut_from_the_source(files, own, split, expected):
    assert prepared(files, own, split=split).identity["parts"] == expected


def test_folds_leave_a_test_file_alone(files):
    made = prepared(files, {"test": "csv:test.csv"}, folds=4)
    assert len(made.folds) == 4
    assert sum(len(fold.x_val) for fold in made.folds) == 20
    assert made.identity["parts"]["test"] == len(made.test) == 3


@pytest.mark.parametrize(
    ("own", "options", "words"),
    [
        (BOTH, {"folds": 3}, "data.validation: 3 folds cut their validation parts from the source"),
        (BOTH, {"split": [0.7, 0.3, 0]}, "data.split: [0.7, 0.3, 0]: the validation share must be"),
        (
            {"test": "csv:test.csv"},
            {"split": [0.7, 0.15, 0.15]},
            "the test share must be 0, since data.test has these rows",
        ),
        ({"test": "csv:test.csv"}, {"split": [1, 0, 0]}, "or data.validation"),
        ({"test": "csv:tset.csv"}, {}, "data.test: no file"),
        ({"test": "csv:tset.csv"}, {}, "did you mean 'test.csv'?"),
    ],
)
def test_impossible_parts(files, own, options, words):
    with pytest.raises(DataError) as caught:
        prepared(files, own, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,town,y\n1,Bern,no\n", "csv:odd.csv lacks the column 'zip' of csv:train.csv"),
        ("a,twon,zip,y\n1,Bern,1,no\n", "lacks the column 'town' of csv:train.csv; did you mean"),
        ("a,town,zip,b,y\n1,Bern,1,2,no\n", "csv:odd.csv has a column 'b', which csv:train.csv"),
        ("a,town,zip\n1,Bern,1\n", "column 'y' is not in odd.csv"),
        ("a,town,zip,y\n", "the data has no rows"),
        ("a,town,zip,y\nten,Bern,1,no\n", "column 'a' was numeric in training"),
        ("a,town,zip,y\n1,Bern,1,perhaps\n", "1 rows have class 'perhaps', which is not in the"),
        ("a,town,zip,y\n1,Bern,1,7\n", "1 rows have class '7'"),
        ("", "odd.csv is empty"),
    ],
)
@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_file_that_does_not_fit(files, part, text, words):
    (files / "odd.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        prepared(files, {part: "csv:odd.csv"})
    assert str(caught.value).startswith(f"data.{part}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_regression_needs_numbers_in_every_file(files):
    rows = "".join(f"{n},{n / 3}\n" for n in range(30))
    (files / "train.csv").write_text("a,y\n" + rows)
    (files / "val.csv").write_text("a,y\n1,2.5\n2,4\n")
    made = prepared(files, {"validation": "csv:val.csv"})
    assert np.allclose(made.folds[0].preprocess.decode_target(made.folds[0].y_val), [2.5, 4])
    (files / "val.csv").write_text("a,y\n1,much\n")
    with pytest.raises(DataError, match=r"data.validation: a regression needs numbers"):
        prepared(files, {"validation": "csv:val.csv"})


def test_columns_without_a_training_value_have_no_say(files):
    (files / "train.csv").write_text("a,empty,y\n" + "".join(f"{n},,{n % 2}\n" for n in range(20)))
    (files / "val.csv").write_text("a,empty,y\n1,words,0\n")
    made = prepared(files, {"validation": "csv:val.csv"}, split=[1, 0, 0])
    assert made.folds[0].x_val.shape == (1, 1)
    assert made.notes == ("no training row has a value in empty; left out",)


def test_a_group_is_in_one_file(files):
    rows = "".join(f"{n},p{n // 4},{n % 2}\n" for n in range(40))
    (files / "train.csv").write_text("a,who,y\n" + rows)
    (files / "val.csv").write_text("a,who,y\n1,q1,0\n")
    (files / "test.csv").write_text("a,who,y\n1,p3,0\n")
    made = prepared(files, {"validation": "csv:val.csv"}, group="who")
    assert made.identity["parts"]["train"] % 4 == 0
    with pytest.raises(DataError) as caught:
        prepared(files, BOTH, group="who")
    words = "data.test: group 'p3' of column 'who' is in csv:test.csv and in csv:train.csv"
    assert str(caught.value) == words
