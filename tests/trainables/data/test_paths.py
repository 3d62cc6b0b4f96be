"""Names of files and folders: what exists is meant, whatever marks of a pattern its name holds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.parts import load_parts
from lanewise.trainables.data.paths import alike
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.errors import DataError

NAMES = [
    "data[1]",
    "what?",
    "a*b",
    "two words",
    "50% #1",
    "at 10:30",
    "[",
    "x[!a]y",
    "{a,b}",
    "$HOME",
]


def save(path: Path, kind: str, first: int = 0) -> None:
    """Rows 'first' and 'first + 1' under a name, as a source of this kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    X, y = np.array([[first, 5], [first + 1, 5]]), np.array([0, 1])
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y})
    match kind:
        case "csv":
            frame.to_csv(path, index=False)
        case "parquet":
            frame.to_parquet(path)
        case "npz":
            with path.open("wb") as stream:
                np.savez(stream, X=X, y=y)
        case "npy":
            path.mkdir()
            np.save(path / "X.npy", X)
            np.save(path / "y.npy", y)
        case "images" | "text":
            for label in y:
                (path / str(label)).mkdir(parents=True)
                if kind == "images":
                    pixels = np.full((2, 2), first + label, np.uint8)
                    Image.fromarray(pixels).save(path / str(label) / f"{path.name} 1.png")
                else:
                    (path / str(label) / f"{path.name} 1.txt").write_text(f"word {first + label}")


def firsts(rows) -> list:
    """What tells the rows of `save` apart."""
    if hasattr(rows, "texts"):
        return [int(text.split()[1]) for text in rows.texts]
    return (rows.x[:, 0, 0, 0] if hasattr(rows, "x") else rows.x_ND[:, 0]).tolist()


KINDS = ["csv", "parquet", "npz", "npy", "images", "text"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_existing_name_is_meant(kind, tmp_path):
    columns = Columns("y" if kind in ("csv", "parquet") else None)
    save(tmp_path / "data1", kind, 100)  # which data[1] would be a pattern of
    for name in NAMES:
        save(tmp_path / name, kind)
        assert firsts(load_rows(f"{kind}:{name}", columns, tmp_path)) == [0, 1], name
        assert firsts(load_rows(f"{kind}:{tmp_path / name}", columns, Path("/"))) == [0, 1], name


@pytest.mark.parametrize("kind", KINDS)
def test_so_is_each_folder_on_the_way(kind, tmp_path):
    columns = Columns("y" if kind in ("csv", "parquet") else None)
    for name in NAMES:
        save(tmp_path / "base" / name / "in [2] it" / "rows", kind)
        for base, path in (("base", f"{name}/in [2] it/rows"), (f"base/{name}", "in [2] it/rows")):
            rows = load_rows(f"{kind}:{path}", columns, tmp_path / base)
            assert firsts(rows) == [0, 1], name


@pytest.mark.parametrize("name", NAMES)
def test_patterns_below_such_folders(name, tmp_path):
    for number in range(3):
        save(tmp_path / name / f"day-{number}" / "rows[1].csv", "csv", number * 10)
        save(tmp_path / name / f"day-{number}" / "rows1.csv", "csv", 100)
    columns = Columns("y")
    for base, path in ((tmp_path, f"{name}/"), (tmp_path / name, "")):
        rows = load_rows(f"csv:{path}day-[01]/rows[1].csv", columns, base)
        assert firsts(rows) == [0, 1, 10, 11]
        assert len(load_rows(f"csv:{path}**/rows1.csv", columns, base)) == 6
        assert len(load_rows(f"csv:{path}day-?/*.csv", columns, base)) == 12


def test_a_bare_path_with_a_colon(tmp_path):
    save(tmp_path / "test:1.csv", "csv")  # "test" is near "text", which is a kind of source
    assert firsts(load_rows("test:1.csv", Columns("y"), tmp_path)) == [0, 1]
    with pytest.raises(DataError, match=r"is not a data source .* did you mean 'text'"):
        load_rows("test:2.csv", Columns("y"), tmp_path)


def test_a_pattern_that_nothing_is_like_is_one_line(tmp_path):
    save(tmp_path / "day-1.csv", "csv")
    for kind in ("csv", "parquet"):
        for path in ("night-*", "day-[2-9].csv", "gone/**/x.csv", "day-1.csv/*"):
            with pytest.raises(DataError, match=r"no file is like /") as caught:
                load_rows(f"{kind}:{path}", Columns("y"), tmp_path)
            assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"no picture is like /"):
        load_rows("images:photos[1]", Columns(), tmp_path)


def test_parts_of_their_own(tmp_path):
    for first, part in enumerate(("train[0]", "valid[1]", "test [2]*")):
        save(tmp_path / part / "rows #1.csv", "csv", first)
    own = {name: f"csv:{path}/rows #1.csv" for name, path in
           {"validation": "valid[1]", "test": "test [2]*"}.items()}  # fmt: skip
    parts = load_parts("csv:train[0]/*.csv", own, target="y", base=tmp_path)
    assert firsts(parts.main.table) == [0, 1]
    assert [firsts(part.table) for part in parts.own.values()] == [[1, 2], [2, 3]]


def test_patterns_are_those_of_a_shell(tmp_path):
    for name in ("a1", "a2", "b1", ".a3", "sub/a4", "sub/.hid/a5", ".git/a6"):
        save(tmp_path / name, "csv")

    def names(pattern):
        return [str(path.relative_to(tmp_path)) for path in alike(pattern, tmp_path)]

    assert names("a*") == ["a1", "a2"]
    assert names("[!b]1") == ["a1"]
    assert names(".a*") == [".a3"]
    assert names("**/a*") == ["a1", "a2", "sub/a4"]
    assert names("**") == [".", "a1", "a2", "b1", "sub", "sub/a4"]
    assert names("s*/../a?") == ["sub/../a1", "sub/../a2"]


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "~nobody-of-that-name/rows.csv", "a\0b.csv"])
def test_names_that_no_system_has(name, tmp_path):
    with pytest.raises(DataError, match="no file "):
        load_rows(f"csv:{name}", Columns("y"), tmp_path)
