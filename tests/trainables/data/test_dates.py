"""Dates as text: the whole column decides between day and month first, or a person does."""

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dates import find
from lanewise.trainables.data.parts import load_parts
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.errors import DataError

DAYS = pd.date_range("2024-01-25", periods=40)


def order(folder, dates, **types):
    frame = pd.DataFrame({"day": dates, "a": range(len(dates)), "y": np.arange(len(dates)) % 2})
    frame.to_csv(folder / "rows.csv", index=False)
    named = Columns("y", order="day", types=tuple(types.items()))
    return load_rows("csv:rows.csv", named, folder)


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%Y/%m/%d", "%d/%m/%Y %H:%M",
     "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S", "%Y%m%d"],
)  # fmt: skip
def test_the_whole_column_decides(form, tmp_path):
    shuffled = DAYS[np.random.default_rng(0).permutation(len(DAYS))]
    rows = order(tmp_path, shuffled.strftime(form))
    assert np.array_equal(np.argsort(rows.order.first), np.argsort(shuffled))
    assert not [note for note in rows.notes if "day" in note and "fit" in note]


EITHER = ["01/02/2024", "03/01/2024", "02/05/2024", "04/04/2024"]


def test_a_doubt_is_refused_and_a_key_decides(tmp_path):
    with pytest.raises(DataError) as caught:
        order(tmp_path, EITHER)
    words = str(caught.value)
    assert words.startswith("data.order: column 'day': day and month first both fit")
    assert "'01/02/2024'" in words
    assert "data.columns: {day: day_first}" in words
    day = order(tmp_path, EITHER, day="day_first").order.first
    month = order(tmp_path, EITHER, day="month_first").order.first
    assert np.argsort(day).tolist() == [1, 0, 3, 2]
    assert np.argsort(month).tolist() == [0, 2, 1, 3]


def test_a_doubt_that_changes_nothing_is_a_note(tmp_path):
    rows = order(tmp_path, [f"01/{month:02}/2024" for month in range(1, 13)])
    (note,) = rows.notes
    assert "day and month first both fit" in note
    assert "alike in both" in note
    assert order(tmp_path, ["05/05/2024", "06/06/2024", "07/07/2024"]).notes == ()


@pytest.mark.parametrize("key", ["day_first", "month_first"])
def test_a_key_that_does_not_fit_is_one_line(key, tmp_path):
    wrong = ["13/25/2024", "01/02/2024"]
    with pytest.raises(DataError, match=rf"data.columns: column 'day' is not '{key}'"):
        order(tmp_path, wrong, day=key)


def test_another_file_is_read_as_the_first(tmp_path):
    order(tmp_path, DAYS.strftime("%d/%m/%Y"))
    later = pd.DataFrame({"day": ["05/04/2024", "01/05/2024"], "a": [1, 2], "y": [0, 1]})
    later.to_csv(tmp_path / "later.csv", index=False)
    parts = load_parts("rows.csv", {"test": "later.csv"}, target="y", base=tmp_path, order="day")
    assert np.argsort(parts.own["test"].table.order.first).tolist() == [0, 1]  # April, May


def test_what_is_no_date():
    assert find(["1.2.3"]) is None
    assert find(["99/99/2024"]) is None
    assert find(["2024-01-01", "soon"]) is None
    assert find([]) is None
