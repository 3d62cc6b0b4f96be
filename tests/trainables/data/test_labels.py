"""Labels of every type: each is a class of its own, and comes back from predict as it was given."""

import enum

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.arrays import save_arrays
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.source import load
from lanewise.trainables.data.task import encode, encode_as, infer_task
from lanewise.trainables.errors import DataError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

ROWS = 12


class Color(enum.Enum):
    RED = enum.auto()
    BLUE = enum.auto()


class Level(enum.IntEnum):
    LOW = 3
    HIGH = 2**63 + 5


class Word(str, enum.Enum):  # noqa: UP042  (whose str() is "Word.A")
    A = "first"
    B = "second"


def of(first, second):
    return [first, second] * (ROWS // 2)


def objects(first, second):
    array = np.empty(ROWS, object)
    array[:] = of(first, second)
    return array


U = 2**63
LABELS = {
    "unsigned beyond int64": (np.array(of(U + 5, U + 4101), np.uint64), (U + 5, U + 4101)),
    "unsigned that differ by one": (np.array(of(U, U + 1), np.uint64), (U, U + 1)),
    "unsigned, small and large": (np.array(of(1, 2**64 - 1), np.uint64), (1, 2**64 - 1)),
    "signed beyond floats": (np.array(of(2**53, 2**53 + 1)), (2**53, 2**53 + 1)),
    "huge negative": (np.array(of(-U, -U + 1)), (-U, -U + 1)),
    "a list of Python's": (of(U + 5, U + 6), (U + 5, U + 6)),
    "a list, negative and large": (of(-1, U + 5), ("-1", str(U + 5))),
    "a list, negative and large ones": (
        [*of(-1, U + 5)[:-1], U + 6],
        ("-1", str(U + 5), str(U + 6)),
    ),
    "a list of rows of one": ([[v] for v in of(U + 5, U + 6)], (U + 5, U + 6)),
    "beyond 64 bits": (of(2**64 + 1, 2**64 + 2), (str(2**64 + 1), str(2**64 + 2))),
    "beyond floats": (of(10**400, 10**400 + 1), (str(10**400), str(10**400 + 1))),
    "objects": (objects(2**53, 2**53 + 1), (2**53, 2**53 + 1)),
    "objects beyond int64": (objects(U + 5, U + 6), (U + 5, U + 6)),
    "NumPy's integers as objects": (objects(np.int64(7), np.uint8(9)), (7, 9)),
    "nullable": (pd.Series(of(2**53, 2**53 + 1), dtype="Int64"), (2**53, 2**53 + 1)),
    "nullable with a gap": (pd.Series([*of(1, 2)[:-1], None], dtype="Int64"), (1, 2)),
    "large, nullable, with a gap": (
        pd.Series([*of(2**53, 2**53 + 1)[:-1], None], dtype="Int64"),
        (2**53, 2**53 + 1),
    ),
    "large objects with a gap": (np.array([*of(U + 5, U + 6)[:-1], None]), (U + 5, U + 6)),
    "negative and large, with a gap": (
        np.array([*of(-1, U + 5)[:-2], U + 6, None]),
        ("-1", str(U + 5), str(U + 6)),
    ),
    "a list with a gap": ([*of(4, 5)[:-1], None], (4, 5)),
    "whole floats": (np.array(of(1.0, 3.0), np.float32), (1, 3)),
    "large whole floats": (np.array(of(1e20, 3e20)), (1e20, 3e20)),
    "half floats": (np.array(of(1, 3), np.float16), (1, 3)),
    "other bytes' order": (np.array(of(1, 3), ">i4"), (1, 3)),
    "truth values as objects": (objects(np.True_, False), (False, True)),
    "bytes": (np.array(of(b"cat", b"dog")), ("cat", "dog")),
    "bytes as objects": (objects(b"cat", "dög".encode()), ("cat", "dög")),
    "NumPy's strings": (np.array(of("cat", "dog")), ("cat", "dog")),
    "NumPy's strings as objects": (objects(np.str_("cat"), np.str_("dog")), ("cat", "dog")),
    "NumPy's strings of any length": (
        np.array(of("cat", "dog"), np.dtypes.StringDType()),
        ("cat", "dog"),
    ),
    "an enumeration": (of(Color.RED, Color.BLUE), ("BLUE", "RED")),
    "an enumeration of integers": (of(Level.LOW, Level.HIGH), (3, U + 5)),
    "an enumeration of text": (objects(Word.A, Word.B), ("first", "second")),
}  # fmt: skip


def points(rows=ROWS):
    return np.random.default_rng(0).normal(size=(rows, 2))


def read(folder, data):
    saved = save_arrays(folder, data)
    return load(saved.source, target=saved.target, base=folder)


@pytest.mark.parametrize("case", LABELS)
@pytest.mark.parametrize("form", ["array", "frame"])
def test_every_label_is_a_class(case, form, tmp_path):
    y, classes = LABELS[case]
    features = points() if form == "array" else pd.DataFrame(points(), columns=["a", "b"])
    table = read(tmp_path, (features, y))
    found = encode(table)
    assert found.labels == classes
    assert list(map(type, found.labels)) == list(map(type, classes))
    assert infer_task(table, task=None, metric="val_accuracy") in ("binary", "multiclass")
    # Each row has its own label again.
    given = [value for value in np.ravel(np.array(y, object)) if not pd.isna(value)]
    kinds = {value: found.labels[code] for value, code in zip(given, found.codes, strict=True)}
    assert len(kinds) == len(classes) == len(set(kinds.values()))
    assert encode_as(table, found.labels).tolist() == found.codes.tolist()


@pytest.mark.parametrize(
    "y",
    [
        np.arange(30, dtype=np.uint64) + np.uint64(2**63 - 10),
        [2**63 + n * 10**6 for n in range(30)],
        [float(n) * 1e300 for n in range(30)],
    ],
)
def test_large_numbers_may_be_a_regression(y, tmp_path):
    table = read(tmp_path, (points(30), y))
    assert infer_task(table, task=None, metric=None) == "regression"
    assert np.allclose(table.target.astype(float), np.array(y, float))


WRITTEN = {
    "unsigned": ([U + 5, U + 6], (U + 5, U + 6)),
    "beyond floats": ([2**53, 2**53 + 1], (2**53, 2**53 + 1)),
    "huge negative": ([-U, -U + 1], (-U, -U + 1)),
    "negative and large": ([-1, U + 5, U + 6], ("-1", str(U + 5), str(U + 6))),
    "beyond 64 bits": ([2**64 + 1, 2**64 + 2], (str(2**64 + 1), str(2**64 + 2))),
}


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("gap", [[], [None]])
def test_labels_of_files_with_and_without_a_gap(case, gap, tmp_path):
    """With a gap pandas reads whole numbers as floats."""
    values, classes = WRITTEN[case]
    y = [*values * 3, *gap]
    lines = "".join(f"{n},{'' if v is None else v}\n" for n, v in enumerate(y))
    (tmp_path / "rows.csv").write_text("a,y\n" + lines)
    table = load("rows.csv", target="y", base=tmp_path)
    assert (encode(table).labels, table.dropped) == (classes, len(gap))
    if case in ("unsigned", "beyond floats", "huge negative"):
        kind = pa.uint64() if case == "unsigned" else pa.int64()
        written = pa.table({"a": range(len(y)), "y": pa.array(y, kind)})
        pq.write_table(written, tmp_path / "rows.parquet")
        table = load("parquet:rows.parquet", target="y", base=tmp_path)
        assert (encode(table).labels, table.dropped) == (classes, len(gap))
    frame = pd.DataFrame({"a": range(len(y)), "y": np.array(y, object)})
    table = read(tmp_path, (frame, "y"))
    assert (encode(table).labels, table.dropped) == (classes, len(gap))


def test_large_features_with_gaps_are_numbers(tmp_path):
    (tmp_path / "rows.csv").write_text(f"a,b,y\n{U},1e300,0\n,2.5,1\n{U + 2**40},,0\n")
    table = load("rows.csv", target="y", base=tmp_path)
    assert table.numeric == ("a", "b")
    assert np.array_equal(table.x_ND[:, 0], [U, np.nan, U + 2**40], equal_nan=True)


def test_labels_of_a_file(tmp_path):
    lines = [f"{n},{U + 5 + n % 2}\n" for n in range(6)]
    (tmp_path / "rows.csv").write_text("a,y\n" + "".join(lines))
    assert encode(load("rows.csv", target="y", base=tmp_path)).labels == (U + 5, U + 6)
    frame = pd.DataFrame({"a": range(6), "y": np.array([U, U + 1] * 3, np.uint64)})
    for index in (range(6), range(5, -1, -1), pd.Index([3, 1, 4, 1, 5, 9], name="who")):
        frame.set_axis(index).to_parquet(tmp_path / "rows.parquet")
        table = load("parquet:rows.parquet", target="y", base=tmp_path)
        assert (encode(table).labels, table.columns) == ((U, U + 1), ("a",))
    np.savez(tmp_path / "rows.npz", X=points(6), y=np.array([b"x", b"y"] * 3))
    assert encode(load("npz:rows.npz", target=None, base=tmp_path)).labels == ("x", "y")


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.array([1j, 2] * 6), "data.target: an array of complex128 holds complex numbers"),
        (np.zeros(12, [("a", int), ("b", int)]), "data: y must be [N], not [12, 2]"),
        (np.zeros((12, 2)), "data: y must be [N], not [12, 2]"),
        (pd.DataFrame(np.zeros((12, 2))), "data: y must be [N], not [12, 2]"),
        (np.float64(3), "data: y must be [N], not []"),
        ([[1], [2, 3]] * 6, "data: the values of y differ in length"),
        (np.zeros(11), "data: X has 12 rows and y has 11"),
    ],
)
def test_targets_that_are_none_are_one_line(y, words, tmp_path):
    with pytest.raises(DataError) as caught:
        save_arrays(tmp_path, (points(), y))
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("y", [np.array([[1], [0]] * 6), pd.DataFrame({"y": [1, 0] * 6})])
def test_one_column_is_a_target(y, tmp_path):
    assert read(tmp_path, (points(), y)).target.tolist() == [1, 0] * 6


def test_pictures_without_a_label_are_left_out(tmp_path):
    from lanewise.trainables.data.columns import Columns
    from lanewise.trainables.data.source import load_rows

    saved = save_arrays(tmp_path, (np.zeros((6, 1, 2, 2)), ["a", "b", None] * 2))
    rows = load_rows(saved.source, Columns(), tmp_path)
    assert (rows.target.tolist(), rows.dropped) == (["a", "b"] * 2, 2)


@pytest.mark.parametrize("case", ["unsigned beyond int64", "a list, negative and large"])
def test_predictions_are_the_labels(case, tmp_path):
    y, classes = LABELS[case]
    side = np.where(np.arange(ROWS) % 2 == 0, 1.0, -1.0)[:, None]
    table = read(tmp_path, (np.tile(side, (8, 2)), list(y) * 8))
    made = prepare(table, source="x", task="binary", split=(0.5, 0.5, 0))
    trial = open_trial(Recipe(model="mlp", prepared=made), {"lr": 0.05}, 0)
    trial.advance(9)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", Recipe(model="mlp"))
    assert model.info.classes == classes
    assert model.predict(np.tile(side, (1, 2))).tolist() == list(classes) * (ROWS // 2)
