"""Files as people have them: each is read in a documented way, or is one clear line."""

import gzip
import json
import pickle
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lanewise.trainables.data.source import load
from lanewise.trainables.errors import DataError


def bad(folder, source, target="y"):
    """The one line that refuses a source."""
    with pytest.raises(DataError) as caught:
        load(source, target=target, base=folder)
    assert caught.value.__cause__ is None  # else the command line would show a traceback
    assert "\n" not in str(caught.value)
    return str(caught.value)


CSV = {
    "empty": ("", "rows.csv is empty"),
    "blank lines": ("\n\n\n", "rows.csv is empty"),
    "only a header": ("a,y\n", "the data has no rows"),
    "longer rows": ("a,b,y\n1,2,0\n3,4,1,9\n", "Expected 3 fields in line 3, saw 4"),
    "all rows longer": ("a,y\n1,2,3\n1,2,3\n", "is no readable CSV"),
    "Latin-1": ("a,y\nZürich,1\n".encode("latin-1"), "it is not UTF-8 text"),
    "UTF-16": ("a,y\n1,2\n".encode("utf-16"), "save it as UTF-8"),
    "binary": (bytes(range(256)) * 40, "its header holds zero bytes"),
    "open quote": ('a,y\n"1,0\n2,1\n', "EOF inside string"),
    "a column twice": ("a,a,y\n1,2,0\n", "rows.csv has more than one column 'a'"),
    "the target twice": ("y,a,y\n0,1,0\n", "rows.csv has more than one column 'y'"),
    "twice but for spaces": ("a,b, a ,y\n1,2,3,0\n", "rows.csv has more than one column 'a'"),
    "nothing but the target": ("y\n1\n2\n", "no column besides the target"),
    "no target at all": ("a,y\n1,\n2,NA\n", "every value of 'y' is missing"),
    "infinite targets": ("a,y\n1,inf\n2,-inf\n", "every value of 'y' is missing"),
}


@pytest.mark.parametrize("case", CSV)
def test_a_bad_csv_is_one_line(case, tmp_path):
    content, words = CSV[case]
    (tmp_path / "rows.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert words in bad(tmp_path, "rows.csv")


def read(folder, content, target="y"):
    (folder / "rows.csv").write_text(content, encoding="utf-8")
    return load("rows.csv", target=target, base=folder)


def test_a_short_row_lacks_its_last_values(tmp_path):
    table = read(tmp_path, "y,a,b\n0,1,2\n1,3\n")
    assert np.isnan(table.x_ND[1, 1])
    assert len(table) == 2
    assert read(tmp_path, "a,y\n1,0\n2\n3,1\n").dropped == 1  # without its target


def test_infinities_count_as_missing(tmp_path):
    table = read(tmp_path, "a,y\ninf,0\n-inf,1\n3,inf\n2,1\n")
    assert np.array_equal(np.isnan(table.x_ND[:, 0]), [True, True, False])
    assert table.dropped == 1


def test_what_is_not_a_number_is_a_category(tmp_path):
    table = read(
        tmp_path,
        "mixed,date,truth,huge,big,empty,y\n"
        "1,2024-01-01,true,99999999999999999999999999,9223372036854775807,,0\n"
        "x,2024-01-02,false,88888888888888888888888888,1,,1\n",
    )
    assert table.numeric == ("big", "empty")
    assert table.x_ND[0, 0] == 2.0**63  # numbers are float64
    assert table.categories["mixed"].tolist() == ["1", "x"]
    assert table.categories["truth"].tolist() == ["True", "False"]
    assert table.categories["date"].tolist() == ["2024-01-01", "2024-01-02"]
    assert table.categories["huge"][0] == "9" * 26


def test_unsigned_targets_above_int64_stay_positive(tmp_path):
    assert (read(tmp_path, "a,y\n1,18446744073709551615\n2,3\n").target > 0).all()


@pytest.mark.parametrize("source", ["csv:rows.csv.gz", "rows.csv.gz"])
def test_gzipped_csv(source, tmp_path):
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfa;y\n1;0\n2;1\n"))
    table = load(source, target="y", base=tmp_path)
    assert (table.numeric, len(table)) == (("a",), 2)


@pytest.mark.parametrize(
    "cut", [gzip.compress(b"a,y\n1,2\n" * 5000)[:-30], b"a,y\n1,2\n"], ids=["cut off", "no gzip"]
)
def test_a_broken_gzip_is_one_line(cut, tmp_path):
    (tmp_path / "rows.csv.gz").write_bytes(cut)
    assert "rows.csv.gz is no readable CSV" in bad(tmp_path, "rows.csv.gz")


NPZ = {
    "objects in X": ({"X": np.array([[None]], object), "y": np.zeros(1)}, "array 'X' holds Python"),
    "objects in y": (
        {"X": np.zeros((2, 1)), "y": np.array(["a", None], object)},
        "array 'y' holds Python objects; save numbers or text",
    ),
    "no y": ({"X": np.zeros((2, 1)), "Y": np.zeros(2)}, "has no array 'y' (it has X, Y"),
    "rows that differ": ({"X": np.zeros((2, 1)), "y": np.zeros(3)}, "y is float64 (3,)"),
    "X of one axis": ({"X": np.zeros(2), "y": np.zeros(2)}, "X must be numbers [N, D]"),
    "text in X": ({"X": np.array([["a"]]), "y": np.zeros(1)}, "X must be numbers"),
    "complex": ({"X": np.zeros((2, 1), complex), "y": np.zeros(2)}, "X is complex128"),
    "records": ({"X": np.zeros(2, dtype=[("a", "f4")]), "y": np.zeros(2)}, "X must be numbers"),
    "no rows": ({"X": np.zeros((0, 2)), "y": np.zeros(0)}, "the data has no rows"),
    "no columns": ({"X": np.zeros((2, 0)), "y": np.zeros(2)}, "no column besides the target"),
}


@pytest.mark.parametrize("case", NPZ)
def test_a_bad_npz_is_one_line(case, tmp_path):
    arrays, words = NPZ[case]
    np.savez(tmp_path / "rows.npz", **arrays)
    assert words in bad(tmp_path, "npz:rows.npz", None)


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_is_unpickled(tmp_path):
    trap = Trap(tmp_path / "sprung")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(trap))
    np.savez(tmp_path / "object.npz", X=np.array([[trap]], object), y=np.zeros(1))
    for name in ("pickle", "object"):
        bad(tmp_path, f"npz:{name}.npz", None)
    assert not trap.path.exists()


def test_a_broken_npz_is_one_line(tmp_path):
    np.savez(tmp_path / "good.npz", X=np.zeros((20, 4)), y=np.zeros(20))
    whole = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:200] + b"\xff" * 9 + whole[209:])
    np.save(tmp_path / "one.npy", np.zeros(2))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    for name in ("cut", "flipped", "one"):
        assert f"{name}.npz is no readable NPZ" in bad(tmp_path, f"npz:{name}.npz", None)


def plain(path, **columns):
    pq.write_table(
        pa.table(columns),
        path,
        use_dictionary=False,
        compression="NONE",
        write_statistics=False,
        store_schema=False,
    )
    return path.read_bytes()


def footer(parquet):
    (length,) = struct.unpack("<I", parquet[-8:-4])
    return parquet[-8 - length :]


def with_schema_of(folder, true, claimed):
    """A file whose pages hold one column and whose schema claims another."""
    y = list(range(50))
    body = plain(folder / "true.bin", a=true, y=y)
    lie = plain(folder / "lie.bin", a=claimed, y=y)
    return body[: -len(footer(body))] + footer(lie)


NUMBERS, WORDS = list(range(50)), [str(n) * 3 for n in range(50)]


@pytest.mark.parametrize(
    ("true", "claimed"), [(NUMBERS, WORDS), (WORDS, NUMBERS), ([True] * 50, NUMBERS)]
)
def test_a_parquet_that_lies_about_its_columns(true, claimed, tmp_path):
    (tmp_path / "rows.parquet").write_bytes(with_schema_of(tmp_path, true, claimed))
    assert "rows.parquet is no readable Parquet" in bad(tmp_path, "parquet:rows.parquet")


def test_a_lie_that_nobody_can_see_breaks_nothing(tmp_path):
    lie = with_schema_of(tmp_path, NUMBERS, [float(n) for n in NUMBERS])  # 64 bits are 64 bits
    (tmp_path / "rows.parquet").write_bytes(lie)
    assert np.isfinite(load("parquet:rows.parquet", target="y", base=tmp_path).x_ND).all()


@pytest.mark.parametrize(
    "metadata", [b"not json", json.dumps({"index_columns": ["gone"], "columns": []}).encode()]
)
def test_a_parquet_that_lies_to_pandas(metadata, tmp_path):
    table = pa.table({"a": [1, 2], "y": [0, 1]}).replace_schema_metadata({b"pandas": metadata})
    pq.write_table(table, tmp_path / "rows.parquet")
    assert "rows.parquet is no readable Parquet" in bad(tmp_path, "parquet:rows.parquet")


def test_a_broken_parquet_is_one_line(tmp_path):
    pd.DataFrame({"a": range(300), "b": "x", "y": 0}).to_parquet(tmp_path / "good.parquet")
    whole = (tmp_path / "good.parquet").read_bytes()
    middle = len(whole) // 2
    for name, content in {
        "empty": b"",
        "cut": whole[:middle],
        "tail": whole[middle:],
        "flipped": whole[:10] + b"\xff" * 50 + whole[60:],
    }.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
        assert f"{name}.parquet is no readable Parquet" in bad(tmp_path, f"parquet:{name}.parquet")


PARQUET = {
    "not UTF-8": ({"a": pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())}, "Invalid UTF8"),
    "lists": ({"a": [[1]]}, "column 'a' of rows.parquet holds arrays"),
    "structures": ({"a": [{"k": 1}]}, "column 'a' of rows.parquet holds dicts"),
    "no rows": ({"a": pa.array([], pa.int64())}, "the data has no rows"),
}


@pytest.mark.parametrize("case", PARQUET)
def test_a_bad_column_of_a_parquet_is_one_line(case, tmp_path):
    columns, words = PARQUET[case]
    rows = len(columns["a"])
    pq.write_table(pa.table({**columns, "y": pa.array([0] * rows)}), tmp_path / "rows.parquet")
    assert words in bad(tmp_path, "parquet:rows.parquet")


def test_a_column_twice_in_a_parquet(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([0])], ["a", "a", "y"])
    pq.write_table(table, tmp_path / "rows.parquet")
    assert "more than one column 'a'" in bad(tmp_path, "parquet:rows.parquet")
