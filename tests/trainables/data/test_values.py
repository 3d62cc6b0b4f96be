"""One reading for all: files, data frames, lists of rows, and what comes after training."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.arrays import save_arrays
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.parts import load_parts
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.source import load, load_rows
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.errors import DataError

ROWS = 60


def save(folder, name, columns, **options):
    frame = pd.DataFrame(columns)
    frame.to_csv(folder / name, index=False, **options)
    return frame


def fitted(folder, columns, target="y", **asked):
    """What is learned from all rows of a CSV file."""
    rows = len(next(iter(columns.values())))
    save(folder, "rows.csv", {**columns, "y": np.arange(rows) % 2} if target == "y" else columns)
    return learned(folder, "csv:rows.csv", target, **asked)


def learned(folder, source, target="y", **asked):
    table = load_rows(source, Columns(target, types=tuple(asked.items())), folder)
    return Preprocess.fit(table), table


def equal(fit, one, *others):
    """Whether all rows are the same inputs."""
    first = fit.transform(one)
    return all(np.array_equal(first, fit.transform(other)) for other in others)


# -- names ---------------------------------------------------------------------------------------


def test_names_are_the_same_with_blanks_a_mark_and_in_any_order(tmp_path):
    fit, table = fitted(tmp_path, {"age": range(ROWS), "job": ["a", "b"] * 30})
    plain = pd.read_csv(tmp_path / "rows.csv")
    odd = plain.rename(columns={"age": "\ufeffage ", "job": " job"})[["y", " job", "\ufeffage "]]
    records = plain.to_dict("records")
    assert equal(fit, table, plain, odd, records, dict(odd.items()), odd.assign(extra=1))
    assert equal(fit, table, plain[["age", "job"]].to_numpy(object).tolist())
    with pytest.raises(DataError, match="column 'job' is missing"):
        fit.transform(plain.drop(columns="job"))
    with pytest.raises(DataError, match="more than one column 'age'"):
        fit.transform(plain.assign(**{"age ": 1}))


def test_the_target_may_be_named_with_blanks(tmp_path):
    frame = pd.DataFrame({" a ": [1, 2, 3], " y": ["u", "v", "u"]})
    for target in (" y", "y"):
        saved = save_arrays(tmp_path, (frame, target))
        assert load(saved.source, target=saved.target, base=tmp_path).target_name == "y"


# -- categories ----------------------------------------------------------------------------------


def test_blanks_around_values_say_nothing(tmp_path):
    (tmp_path / "rows.csv").write_text("job, town ,y\n" + "gov, Bern ,a \nown,Rome,b\n" * 9)
    fit, table = learned(tmp_path, "csv:rows.csv")
    assert set(table.target) == {"a", "b"}
    assert set(table.categories["town"]) == {"Bern", "Rome"}
    raw = pd.read_csv(tmp_path / "rows.csv")  # " Bern " keeps its blanks there
    assert equal(fit, table, raw)
    assert equal(fit, [["gov", "Bern"]], [[" gov", "Bern  "]], [["gov\t", "\u00a0Bern"]])


TRUTHS = {
    "lower case": ["true", "false"],
    "upper case": ["TRUE", "FALSE"],
    "Python's": [True, False],
    "NumPy's": np.array([True, False]),
    "nullable": pd.array([True, False], dtype="boolean"),
    "numbers": [1, 0],
    "floats": [1.0, 0.0],
    "numbers as text": ["1", "0"],
    "single letters": ["t", "f"],
    "a category": pd.Categorical(["true", "false"]),
    "Arrow's": pd.array(["True", "False"], dtype="string[pyarrow]"),
}


@pytest.mark.parametrize("given", TRUTHS)
@pytest.mark.parametrize("trained", [["true", "false"], ["True", "False"], ["TRUE", "False"]])
def test_truth_values_in_any_spelling(trained, given, tmp_path):
    fit, table = fitted(tmp_path, {"member": trained * 30})
    assert np.array_equal(fit.transform({"member": TRUTHS[given]}), fit.transform(table)[:2])


def test_a_truth_column_with_something_else_in_another_file(tmp_path):
    save(tmp_path, "train.csv", {"m": ["true", "false"] * 30, "y": ["yes", "no"] * 30})
    save(tmp_path, "val.csv", {"m": ["true", "unknown", "false"], "y": ["yes", "no", "no"]})
    parts = load_parts("train.csv", {"validation": "val.csv"}, target="y", base=tmp_path)
    fit = Preprocess.fit(parts.main.table)
    x = fit.transform(parts.own["validation"].table)
    assert x.tolist() == [[0, 1], [0, 0], [1, 0]]  # False, True; a stranger is neither


@pytest.mark.parametrize("dtype", [object, "boolean", "bool[pyarrow]"])
def test_truth_values_with_gaps_keep_their_values(dtype, tmp_path):
    frame = pd.DataFrame({"a": range(6), "t": pd.array([True, None, False] * 2, dtype=dtype)})
    saved = save_arrays(tmp_path, (frame, "t"))
    table = load(saved.source, target=saved.target, base=tmp_path)
    assert table.target.tolist() == [True, False] * 2
    assert table.target.dtype == bool
    saved = save_arrays(tmp_path, (frame, "a"))
    table = load(saved.source, target=saved.target, base=tmp_path)
    assert table.categories["t"].tolist() == ["True", None, "False"] * 2
    save(tmp_path, "rows.csv", frame)
    assert load("rows.csv", target="t", base=tmp_path).target.tolist() == [True, False] * 2


IDS = {
    "zero-padded": (["08001", "00017", "A1"], [[8001, 17, "A1"], ["8001", "17", "A1"]]),
    "whole": (["8001", "17", "A1"], [["08001", "017", "A1"], [8001.0, 17.0, "A1"]]),
    "decimals": (["1.50", "2.0", "x"], [[1.5, 2, "x"], ["1.5", "2", "x"]]),
}


@pytest.mark.parametrize("case", IDS)
def test_numbers_among_words_are_compared_as_numbers(case, tmp_path):
    values, others = IDS[case]
    fit, _ = fitted(tmp_path, {"id": values * 20})
    for other in others:
        assert equal(fit, {"id": values}, {"id": other}, [[value] for value in other])
    assert fit.transform({"id": values}).sum() == 3


def test_padded_ids_of_a_frame_match_those_that_pandas_read_as_numbers(tmp_path):
    frame = pd.DataFrame({"id": [f"{n:05}" for n in range(40)], "y": np.arange(40) % 2})
    saved = save_arrays(tmp_path, (frame, "y"))
    fit, _ = learned(tmp_path, saved.source)
    frame.to_csv(tmp_path / "ids.csv", index=False)
    assert equal(fit, frame, pd.read_csv(tmp_path / "ids.csv"), pd.read_csv(
        tmp_path / "ids.csv", dtype=str))  # fmt: skip
    assert fit.transform(frame).sum(1).all()


def test_values_that_differ_in_their_spelling_alone_stay_apart(tmp_path):
    fit, _ = fitted(tmp_path, {"id": ["1", "01", "x"] * 20})
    assert fit.transform([["1"], ["01"], ["001"]]).sum(1).tolist() == [1, 1, 0]
    assert not equal(fit, [["1"]], [["01"]])


@pytest.mark.parametrize(
    "labels", [[3, 1, 2], [0.5, 1.5, 2.5], ["b", "a", "c"], [True, False, True],
               [datetime.date(2024, 1, d) for d in (1, 2, 3)]],
)  # fmt: skip
def test_a_pandas_category_is_a_category(labels, tmp_path):
    frame = pd.DataFrame({"c": pd.Categorical(labels * 10 + [None]), "y": np.arange(31) % 2})
    saved = save_arrays(tmp_path, (frame, "y"))
    fit, table = learned(tmp_path, saved.source)
    assert list(table.categories) == ["c"]
    assert table.categories["c"][-1] is None
    assert fit.width == len(set(labels)) + 1
    assert equal(fit, table, frame, frame.astype({"c": object}))
    frame.assign(c=frame.c.cat.rename_categories(str) if not isinstance(labels[0], int | float)
                 else frame.c).to_parquet(tmp_path / "own.parquet")  # fmt: skip
    assert list(load("parquet:own.parquet", target="y", base=tmp_path).categories) == ["c"]


def test_a_category_as_target_is_classes_whatever_its_labels_are(tmp_path):
    labels = np.arange(90) % 30
    frame = pd.DataFrame({"a": range(90), "y": pd.Categorical(labels)})
    for data in ((frame, "y"), (frame[["a"]], frame.y), (frame[["a"]].to_numpy(), frame.y)):
        saved = save_arrays(tmp_path, data)
        table = load(saved.source, target=saved.target, base=tmp_path)
        assert infer_task(table, task=None, metric=None) == "multiclass"
        assert table.target.tolist() == labels.tolist()
    plain = save_arrays(tmp_path, (frame.astype({"y": int}), "y"))
    table = load(plain.source, target="y", base=tmp_path)
    assert infer_task(table, task=None, metric=None) == "regression"


# -- words for nothing ---------------------------------------------------------------------------

WORDS = ["None", "NA", "null", "nan", "n/a", "N/A", "NULL", "NaN", "<NA>", "none"]


@pytest.mark.parametrize("word", WORDS)
def test_words_for_nothing_are_values_among_words(word, tmp_path):
    columns = {"region": [word, "EU", "APAC"] * 20, "y": ["Apnea", word, "Insomnia"] * 20}
    save(tmp_path, "rows.csv", columns)
    fit, table = learned(tmp_path, "csv:rows.csv")
    assert (set(table.target), len(table)) == ({"Apnea", word, "Insomnia"}, 60)
    assert set(table.categories["region"]) == {word, "EU", "APAC"}
    # pandas takes the word for missing, and it is the same row all the same.
    assert equal(fit, table, pd.read_csv(tmp_path / "rows.csv"))
    assert equal(fit, [[None]], [[word]], [[np.nan]], pd.DataFrame({"region": [pd.NA]}))


def test_two_words_for_nothing_that_pandas_makes_one_are_never_one_in_silence(tmp_path):
    save(tmp_path, "rows.csv", {"region": ["NA", "null", "EU"] * 20, "y": [0, 1, 1] * 20})
    fit, table = learned(tmp_path, "csv:rows.csv")
    kept = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False)
    assert equal(fit, table, kept)
    assert not list(fit.unseen(fit.read(kept)))
    (told,) = fit.unseen(fit.read(pd.read_csv(tmp_path / "rows.csv")))
    assert told.startswith("40 of 60 values in region are missing; pandas reads 'NA', 'null' so")


def test_words_for_nothing_are_missing_beside_numbers(tmp_path):
    numbers = [str(n) for n in range(50)] + ["NA", "n/a", "", "null", "NaN"]
    fit, table = fitted(tmp_path, {"a": numbers, "b": ["x"] * 55})
    assert np.isnan(table.x_ND[50:, 0]).all()
    assert fit.numbers[0].missing
    assert table.notes == ()
    assert equal(fit, [[None, "x"]], [["NA", "x"]], [["?", "x"]], [["", "x"]], [[np.nan, "x"]])


def test_missing_and_a_word_for_it_stay_apart(tmp_path):
    fit, _ = fitted(tmp_path, {"a": ["None", "", "x"] * 20})
    assert fit.transform([["None"], [None], ["x"], ["NA"]]).tolist() == [
        [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]  # fmt: skip


def test_rows_that_are_left_out_are_counted_and_said(tmp_path):
    save(tmp_path, "rows.csv", {"a": range(50), "y": ["", "yes"] * 5 + ["no", "yes"] * 20})
    _, table = learned(tmp_path, "csv:rows.csv")
    assert table.dropped == 5
    assert table.notes == ("5 of 50 rows (10.0%) have no value in y: left out",)
    amounts = [f"{n}.5" for n in range(98)] + ["?", "NA"]
    save(tmp_path, "rows.csv", {"a": range(100), "y": amounts})
    _, table = learned(tmp_path, "csv:rows.csv")
    assert (table.target.dtype.kind, table.dropped) == ("f", 2)
    assert "2 of 100 rows (2.0%) have no value in y: left out" in table.notes
    assert any("1 of 99 values are no numbers ('?')" in note for note in table.notes)


# -- numbers -------------------------------------------------------------------------------------


def test_numbers_as_text_are_read_the_same_everywhere(tmp_path):
    x = np.random.default_rng(0).normal(1000, 400, ROWS).round(2)
    written = [f"{v:,.2f}".translate(str.maketrans(",.", ".,")) for v in x]
    fit, table = fitted(tmp_path, {"x": written, "p": [f"{v:.0f}%" for v in x]})
    assert np.array_equal(table.x_ND[:, 0], x)
    assert table.categories == {}
    longest = max(written, key=len)
    assert any(f"x: text such as {longest!r} is read as" in note for note in table.notes)
    raw = pd.read_csv(tmp_path / "rows.csv")
    assert equal(fit, table, raw, raw.astype("string[pyarrow]"), raw.assign(x=x))
    assert equal(fit, table, Preprocess.from_json(fit.to_json()).read(raw))
    with pytest.raises(DataError, match="column 'x' was numeric in training: 'much' is no number"):
        fit.transform(raw.assign(x="much"))


def test_a_file_has_one_decimal_mark(tmp_path):
    stops = [f"{n:,}".replace(",", ".") for n in range(100, 20_000, 331)]
    _, table = fitted(tmp_path, {"pay": stops, "rate": [f"{n},5" for n in range(len(stops))]})
    assert table.x_ND[:, 0].tolist() == [float(n) for n in range(100, 20_000, 331)]
    _, table = fitted(tmp_path, {"pay": stops, "rate": [f"{n}.5" for n in range(len(stops))]})
    assert table.x_ND[-1, 0] < 20
    # Nothing but the doubt itself: read as ever, and said.
    _, table = fitted(tmp_path, {"pay": stops})
    assert table.x_ND[-1, 0] < 20
    (note,) = table.notes
    assert "full stops may group thousands" in note
    assert "data.columns: {pay: decimal_comma}" in note
    _fit, table = fitted(tmp_path, {"pay": stops}, pay="decimal_comma")
    assert table.x_ND[-1, 0] > 19_000
    assert table.notes == ()


def test_leading_zeros_are_said_and_kept_on_demand(tmp_path):
    zips = [f"{n:05}" for n in range(990, 1050)]
    _, table = fitted(tmp_path, {"zip": zips})
    assert table.numeric == ("zip",)
    (note,) = table.notes
    assert (
        "zip: numbers such as '00990' lose their leading zeros; data.columns: {zip: category}"
        in note
    )
    fit, table = fitted(tmp_path, {"zip": zips}, zip="category")
    assert table.categories["zip"].tolist() == zips
    assert equal(fit, table, pd.read_csv(tmp_path / "rows.csv"))


def test_numbers_that_are_text_in_a_frame(tmp_path):
    x = np.random.default_rng(0).normal(size=60).round(3)
    frame = pd.DataFrame({
        "x": x.astype(str), "code": [str(n) for n in range(60)], "few": ["1.0", "2.5", "3.5"] * 20,
        "mixed": [*range(59), "?"], "price": [decimal.Decimal(n) / 4 for n in range(60)], "y": x,
    })  # fmt: skip
    saved = save_arrays(tmp_path, (frame, "y"))
    _, table = learned(tmp_path, saved.source)
    assert table.numeric == ("x", "mixed", "price")
    assert np.array_equal(table.x_ND[:, 0], x)
    assert np.isnan(table.x_ND[59, 1])
    assert any("code holds numbers as text" in note for note in table.notes)
    assert any(note.startswith("x: text such as ") for note in table.notes)
    _, table = learned(tmp_path, saved.source, code="number", x="category")
    assert table.numeric == ("code", "mixed", "price")


def test_few_numbers_as_text_are_classes_of_a_target(tmp_path):
    save(tmp_path, "rows.csv", {"a": range(60), "y": ["10%", "20%", "30%"] * 20})
    _, table = learned(tmp_path, "csv:rows.csv")
    assert set(table.target) == {"10%", "20%", "30%"}
    assert "data.columns: {y: number}" in table.notes[0]
    _, table = learned(tmp_path, "csv:rows.csv", y="number")
    assert set(table.target) == {10, 20, 30}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"ag": "number"}, "column 'ag' is not in the data (a, word, y; did you mean"),
        ({"word": "number"}, "column 'word' is not 'number': its values are such as 'u'"),
        (
            {"word": "day_first"},
            "column 'word' is not 'day_first': its values, such as 'u', are no",
        ),
    ],
)
def test_a_wrong_word_on_a_column_is_one_line(asked, words, tmp_path):
    with pytest.raises(DataError) as caught:
        fitted(tmp_path, {"a": range(6), "word": list("uvwxyz")}, **asked)
    assert str(caught.value).startswith("data.columns: ")
    assert words.partition(";")[0] in str(caught.value)


# -- dates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"])
def test_dates_as_features_match_in_any_form(form, tmp_path):
    days = pd.date_range("2024-01-10", periods=40)
    fit, table = fitted(tmp_path, {"day": days.strftime(form)})
    raw = pd.read_csv(tmp_path / "rows.csv")
    iso = raw.assign(day=days.strftime("%Y-%m-%d"))
    assert equal(fit, table, raw, iso, raw.assign(day=days), raw.assign(day=days.date))
    assert fit.transform(table).sum(1).all()
    assert not fit.transform({"day": ["soon"]}).any()  # text, where training had dates


def test_dates_of_a_frame_match_text(tmp_path):
    days = pd.date_range("2024-01-10", periods=40)
    frame = pd.DataFrame({"day": days, "y": np.arange(40) % 2})
    saved = save_arrays(tmp_path, (frame, "y"))
    fit, table = learned(tmp_path, saved.source)
    assert table.categories["day"][0] == "2024-01-10 00:00:00"
    assert equal(fit, table, frame, frame.assign(day=days.strftime("%Y-%m-%d")))


# -- parts and predictions -----------------------------------------------------------------------


def test_files_of_one_source_are_read_alike(tmp_path):
    save(tmp_path, "day-1.csv", {"id": ["08001", "00017"] * 9, "y": [0, 1] * 9})
    save(tmp_path, "day-2.csv", {"id": ["A1", "08001"] * 9, "y": [0, 1] * 9})
    _, table = learned(tmp_path, "csv:day-*.csv")
    assert set(table.categories["id"]) == {"08001", "00017", "A1"}


@pytest.mark.parametrize(
    ("trained", "given"),
    [
        (["yes", "no"], ["yes ", "no"]),
        (["true", "false"], ["TRUE", "False"]),
        (["1", "0"], ["1.0", "0.0"]),
        (["01", "x"], ["1", "x"]),
        (["None", "b"], ["None", "b"]),
    ],
)
def test_labels_of_a_validation_file_in_another_spelling(trained, given, tmp_path):
    save(tmp_path, "train.csv", {"a": range(40), "y": trained * 20})
    save(tmp_path, "val.csv", {"a": range(2), "y": given})
    parts = load_parts("train.csv", {"validation": "val.csv"}, target="y", base=tmp_path)
    made = prepare(parts.main.table, source="x", task="binary", split=(1, 0, 0), own=parts.own)
    assert sorted(made.folds[0].y_val) == [0, 1]
    assert made.folds[0].y_val[0] == made.folds[0].y_train[0]


def test_a_column_of_strangers_is_said(tmp_path):
    save(
        tmp_path, "train.csv", {"t": ["Bern", "Rome"] * 30, "u": ["a", "b"] * 30, "y": [0, 1] * 30}
    )
    save(tmp_path, "val.csv", {"t": ["BERN", "ROME"] * 5, "u": ["a", "c"] * 5, "y": [0, 1] * 5})
    parts = load_parts("train.csv", {"validation": "val.csv"}, target="y", base=tmp_path)
    made = prepare(parts.main.table, source="x", task="binary", split=(1, 0, 0), own=parts.own)
    (note,) = made.notes
    assert note.startswith("validation: 100% of the values in t were not seen in training")
    assert "'BERN' (seen: 'Bern', 'Rome')" in note
    fit = made.folds[0].preprocess
    assert len(list(fit.unseen(fit.read(pd.read_csv(tmp_path / "val.csv"))))) == 1
    assert not list(fit.unseen(fit.read([["Oslo", "z"]])))  # of one row nothing is known


def test_names_of_which_each_row_has_its_own_are_no_strangers(tmp_path):
    fit, _ = fitted(tmp_path, {"name": [f"n{n}" for n in range(400)]})
    assert not list(fit.unseen(fit.read({"name": [f"m{n}" for n in range(50)]})))


def test_the_reading_travels_in_json_and_older_ones_load(tmp_path):
    fit, table = fitted(tmp_path, {"x": ["1,5", "2,25", "?"] * 30, "m": ["true", "false", ""] * 30})
    again = Preprocess.from_json(fit.to_json())
    assert again == fit
    assert equal(again, table, pd.read_csv(tmp_path / "rows.csv"))
    old = (
        '{"columns": ["a", "c"], "numbers": [{"name": "a", "median": 1, "mean": 1.0,'
        ' "scale": 2.0, "missing": false}], "categories": [{"name": "c", "levels":'
        ' ["False", "True"], "missing": false}], "target_mean": 0.0, "target_std": 1.0, "width": 3}'
    )
    kept = Preprocess.from_json(old)
    assert kept.transform([[3, "true"], ["1", False]]).tolist() == [[1, 0, 1], [0, 1, 0]]
