"""``lanewise predict`` reads and writes chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lanewise.predicting import predict_rows
from lanewise.search.errors import SearchError
from lanewise.trainables.data.new_rows import NewRows, read_rows
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.table import Table
from lanewise.trainables.errors import DataError


@pytest.fixture
def fitted() -> Preprocess:
    """Of a column of numbers and one of words."""
    words = {"b": np.array(["1", "x", "y"], object)}
    table = Table(np.array([[1.0], [2.0], [np.nan]]), ("a",), words, ("a", "b"), np.zeros(3), "t")
    return Preprocess.fit(table)


def lines(count: int) -> str:
    return "a,b\n" + "".join(f"{n if n % 3 else ''},{n % 7}\n" for n in range(count))


def test_a_csv_is_read_so_many_rows_at_a_time(tmp_path: Path, fitted: Preprocess) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(lines(25))
    chunks = [chunk.X for chunk in read_rows(file, fitted, rows=10)]
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    (whole,) = (chunk.X for chunk in read_rows(file, fitted))
    parts = np.concatenate([fitted.transform(chunk) for chunk in chunks])
    assert np.array_equal(parts, fitted.transform(whole))
    assert all(isinstance(value, str) for value in chunks[1]["b"])  # as it is written


def test_nothing_is_read_ahead(tmp_path: Path, fitted: Preprocess) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(lines(20_000) + "1,2,3\n")  # its last row is too long
    chunks = read_rows(file, fitted, rows=100)
    assert len(next(chunks).X) == 100
    with pytest.raises(DataError, match=r"rows\.csv is no readable CSV"):
        list(chunks)


def test_an_array_is_read_in_slices(tmp_path: Path, fitted: Preprocess) -> None:
    np.save(tmp_path / "rows.npy", np.arange(10.0).reshape(5, 2))
    chunks = [chunk.X for chunk in read_rows(tmp_path / "rows.npy", fitted, rows=2)]
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert np.concatenate(chunks)[4].tolist() == [8.0, 9.0]


def doubled(rows: int, fail_at: int | None = None) -> Any:
    """A model whose prediction is a row's number, doubled; and its chunks."""
    model = SimpleNamespace(
        info=SimpleNamespace(task="regression"), preprocess=(None,), predict=lambda X: 2 * X
    )

    def chunks() -> Iterator[NewRows]:
        for first in range(0, rows, 2):
            if first == fail_at:
                raise DataError("", "no more")
            yield NewRows(np.arange(first, min(rows, first + 2)))

    return model, chunks()


def test_the_header_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict_rows(*doubled(5), None)
    assert capsys.readouterr().out.split() == ["prediction", "0", "2", "4", "6", "8"]
    predict_rows(*doubled(3), tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["prediction"].tolist() == [0, 2, 4]


def test_a_file_is_replaced_once_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("as it was")
    with pytest.raises(DataError, match="no more"):
        predict_rows(*doubled(5, fail_at=2), out)
    assert out.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    with pytest.raises(SearchError, match="--out: "):
        predict_rows(*doubled(5), tmp_path / "gone" / "out.csv")
