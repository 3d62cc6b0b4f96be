import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.arrays import Source, save_arrays
from lanewise.trainables.data.source import SKLEARN, load
from lanewise.trainables.data.table import identity
from lanewise.trainables.errors import DataError, TrainableError


@pytest.fixture
def houses(tmp_path):
    """2,000 rows as people have them: numbers, text, truth values, gaps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "rooms": rng.integers(1, 8, 2000).astype(float),
            "area": rng.normal(100, 30, 2000),
            "town": rng.choice(["Bern", "Rome", "Oslo"], 2000),
            "garden": rng.random(2000) < 0.5,
            "empty": np.nan,
            "same": 3,
            "price": rng.normal(5, 1, 2000),
        }
    )
    frame.loc[::10, "area"] = np.nan
    frame.loc[::9, "town"] = np.nan
    frame.loc[5, "rooms"] = np.inf
    frame.loc[[1, 3], "price"] = np.nan
    frame.to_csv(tmp_path / "houses.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("source", ["csv:houses.csv", "houses.csv"])
def test_csv(houses, source):
    table = load(source, target="price", base=houses)
    assert len(table) == 1998
    assert table.dropped == 2
    assert table.numeric == ("rooms", "area", "empty", "same")
    assert set(table.categories) == {"town", "garden"}
    assert set(table.categories["garden"]) == {"True", "False"}
    assert None in table.categories["town"]
    assert table.x_ND.dtype == np.float64
    assert not np.isinf(table.x_ND).any()  # infinite counts as missing
    assert table.columns == ("rooms", "area", "town", "garden", "empty", "same")


@pytest.mark.parametrize("name", SKLEARN)
def test_sklearn(name, tmp_path):
    table = load(f"sklearn:{name}", target=None, base=tmp_path)
    assert len(table) == len(table.x_ND) > 100
    assert not table.categories


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(tmp_path, mark):
    text = f"\ufeffa{mark}b\n1{mark}x\n2{mark}y\n"
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    assert load("d.csv", target="b", base=tmp_path).numeric == ("a",)


def write(folder, name, text):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("source", "target", "path", "words"),
    [
        ("cvs:a.csv", "y", "data.source", "did you mean 'csv'?"),
        ("nothing", "y", "data.source", "is not a data source"),
        ("sklearn:digit", None, "data.source", "did you mean 'digits'?"),
        ("sklearn:digits", "y", "data.target", "has its own target"),
        ("csv:god.csv", "y", "data.source", "did you mean 'good.csv'?"),
        ("csv:folder", "y", "data.source", "is a folder"),
        ("csv:good.csv", None, "data.target", "name the target column of good.csv (columns: x,"),
        (
            "csv:good.csv",
            "prize",
            "data.target",
            "column 'prize' is not in good.csv (columns: x, price; did you mean 'price'?)",
        ),
        ("csv:empty.csv", "y", "data.source", "empty.csv is empty"),
        ("csv:header.csv", "y", "data.source", "no rows"),
        ("csv:binary.csv", "y", "data.source", "is no readable CSV"),
        ("csv:ragged.csv", "y", "data.source", "is no readable CSV"),
        ("csv:long.csv", "y", "data.source", "is no readable CSV"),
        ("csv:gaps.csv", "y", "data.target", "every value of 'y' is missing"),
        ("csv:alone.csv", "y", "data.source", "no column besides the target"),
        ("npz:good.csv", "y", "data.source", "is no readable NPZ"),
        ("npz:objects.npz", None, "data.source", "is no readable NPZ"),
        ("npz:other.npz", None, "data.source", "has no array 'X'"),
        ("npz:cube.npz", None, "data.source", "X must be numbers [N, D], [N, T, F]"),
        ("npz:good.npz", "z", "data.target", "is its array y"),
        ("parquet:good.csv", "y", "data.source", "is no readable Parquet"),
    ],
)
def test_errors_are_one_line(tmp_path, source, target, path, words):
    write(tmp_path, "good.csv", "x,price\n1,2\n2,3\n")
    write(tmp_path, "empty.csv", "")
    write(tmp_path, "header.csv", "x,y\n")
    write(tmp_path, "binary.csv", b"x,y\n\xff\xfe\x00,1\n")
    write(tmp_path, "ragged.csv", "x,y\n1,2\n1,2,3,4\n")
    write(tmp_path, "long.csv", "x,y\n1,2,3\n1,2,3\n")
    write(tmp_path, "gaps.csv", "x,y\n1,\n2,\n")
    write(tmp_path, "alone.csv", "y\n1\n2\n")
    (tmp_path / "folder").mkdir()
    np.savez(tmp_path / "objects.npz", X=np.array([[None]], dtype=object), y=np.zeros(1))
    np.savez(tmp_path / "other.npz", x=np.zeros((2, 2)), y=np.zeros(2))
    np.savez(tmp_path / "cube.npz", X=np.zeros((2, 2, 2, 2, 2)), y=np.zeros(2))
    np.savez(tmp_path / "good.npz", X=np.zeros((2, 2)), y=np.zeros(2))
    with pytest.raises(DataError) as caught:
        load(source, target=target, base=tmp_path)
    assert isinstance(caught.value, TrainableError)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_identity_is_stable_across_processes(houses):
    table = load("houses.csv", target="price", base=houses)
    about = identity(table, "houses.csv")
    assert about["rows"] == 1998
    assert about["target"] == "price"
    script = (
        "from pathlib import Path; from lanewise.trainables.data.source import load;"
        "from lanewise.trainables.data.table import identity;"
        f"t = load('houses.csv', target='price', base=Path({str(houses)!r}));"
        "print(identity(t, '')['hash'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == about["hash"]


def test_identity_notices_one_value(houses):
    table = load("houses.csv", target="price", base=houses)
    before = identity(table, "")["hash"]
    table.x_ND[7, 0] += 1
    assert identity(table, "")["hash"] != before


X = np.arange(12.0).reshape(6, 2)
FRAME = pd.DataFrame(
    {"n": [1, 2, 3, 4, 5, None], "t": ["a", "b", None, "a", "b", 1], "y": range(6)}
)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ((X, np.arange(6)), "npz"),
        ((X.tolist(), [0, 1, 0, 1, 0, 1]), "npz"),
        ((X, [True, False] * 3), "npz"),
        ((X, ["a", "b"] * 3), "parquet"),
        ((X.astype(object), ["a", "b"] * 3), "parquet"),
        (([[1, "a"], [2, "b"]], [0, 1]), "parquet"),
        ((FRAME, "y"), "parquet"),
        ((FRAME[["n", "t"]], FRAME["y"]), "parquet"),
        ((FRAME.astype({"t": "category"}), "t"), "parquet"),
        ((FRAME.assign(target=1), np.arange(6)), "parquet"),
    ],
)
def test_saved_arrays_load_again(tmp_path, data, kind):
    saved = save_arrays(tmp_path, data)
    assert isinstance(saved, Source)
    assert saved.source.startswith(f"{kind}:/")
    assert save_arrays(tmp_path, data) == saved  # content-hashed
    assert len(list(tmp_path.iterdir())) == 1
    table = load(saved.source, target=saved.target, base=tmp_path)
    assert len(table) + table.dropped == len(data[0])


def test_saved_frame_keeps_kinds(tmp_path):
    saved = save_arrays(tmp_path, (FRAME, "y"))
    table = load(saved.source, target=saved.target, base=tmp_path)
    assert table.numeric == ("n",)
    assert table.categories["t"].tolist() == ["a", "b", None, "a", "b", "1"]
    assert table.target.tolist() == list(range(6))
    assert list(FRAME.columns) == ["n", "t", "y"]  # the caller's frame is untouched


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (X, "give (X, y)"),
        ((X, np.arange(5)), "X has 6 rows and y has 5"),
        ((FRAME, np.arange(5)), "X has 6 rows and y has 5"),
        ((X[:, 0], np.arange(6)), "X must be [N, D]"),
        ((X, X), "y must be [N]"),
        ((X, "y"), "needs a DataFrame"),
        ((FRAME, "yy"), "did you mean 'y'?"),
        (([[1, 2], [3]], [0, 1]), "differ in length"),
    ],
)
def test_arrays_that_cannot_be_saved(tmp_path, data, words):
    with pytest.raises(DataError) as caught:
        save_arrays(tmp_path, data)
    assert words in str(caught.value)
