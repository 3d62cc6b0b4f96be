"""Texts as rows, and as numbers of their tokens."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.columns import Columns, Text
from lanewise.trainables.data.convert import from_frame, from_matrix
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.inputs import Reading, from_json, read_as
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.data.tokens import EMPTY, FIRST, PADDING, UNKNOWN, Tokens, split
from lanewise.trainables.errors import DataError

TEXTS = ["Good, good film!", "A bad film.", None, "  ", "good"]


def table(texts=TEXTS, **more):
    frame = pd.DataFrame({"words": texts, "y": ["a", "b"] * (len(texts) // 2) + ["a"], **more})
    return from_frame(frame, Columns("y", ids=("words",)), "t.csv")


def prose(texts=TEXTS, **more):
    return read_as(table(texts, **more), ("text",), None, text=Text("words"))[0]


def fitted(texts=TEXTS, regression=False, **asked):
    return Tokens.fit(prose(texts), Text("words", **asked), regression=regression)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's GOOD, isn’t it?", ["it's", "good", ",", "isn’t", "it", "?"]),
        ("well-made -- 10 films", ["well-made", "-", "-", "10", "films"]),
        ("Straße über Cafe\u0301", ["straße", "über", "café"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("\n\t ", []),
        ("😀😀", ["😀", "😀"]),
        (None, []),
    ],
)
def test_words(text, words):
    assert split(text, "words") == words


def test_characters_stay_as_written():
    assert split(" Ab c\n", "characters") == ["A", "b", " ", "c"]
    assert split("e\u0301", "characters") == ["é"]  # however it was typed


def test_numbers_are_sorted_by_frequency_and_padded():
    made = fitted()
    assert made.known == ("good", "film", "!", ",", ".", "a", "bad")
    assert made.vocabulary == FIRST + 7
    good, film, mark, comma = range(FIRST, FIRST + 4)
    assert made.shape == (5,)
    x = made.transform(prose())
    assert x.dtype == np.int64
    assert x[0].tolist() == [good, comma, good, film, mark]
    assert x[2].tolist() == x[3].tolist() == [EMPTY, *[PADDING] * 4]
    assert x[4].tolist() == [good, *[PADDING] * 4]


def test_what_training_lacks_is_unknown_and_what_is_longer_is_cut():
    made = fitted(vocabulary=2, length=3)
    assert made.transform(["good new film again"]).tolist() == [[FIRST, UNKNOWN, FIRST + 1]]
    assert made.longer(prose()) == 2


def test_the_order_of_rows_has_no_say():
    assert fitted() == fitted(TEXTS[::-1])


@pytest.mark.parametrize("tokens", ["words", "characters"])
def test_it_survives_json(tokens):
    made = fitted(tokens=tokens)
    again = from_json(made.to_json())
    assert again == made
    assert (again.transform(TEXTS) == made.transform(TEXTS)).all()


def test_forms_of_what_a_person_gives():
    made = fitted()
    x = made.transform(prose())
    for given in (TEXTS, table(), {"words": TEXTS}, pd.DataFrame({"words": TEXTS, "z": 1})):
        assert (made.transform(given) == x).all()
    for given, line in (
        ("one text", "a list of texts"),
        ([[1, 2]], "a list of texts"),
        ({"word": TEXTS}, "column 'words' is missing"),
    ):
        with pytest.raises(DataError, match=line):
            made.transform(given)


def test_a_regressions_target_is_standardised():
    rows = dataclasses.replace(prose(), target=np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    made = Tokens.fit(rows, Text(), regression=True)
    encoded = made.encode_target(rows.target)
    assert encoded.mean() == pytest.approx(0, abs=1e-6)
    assert made.decode_target(encoded) == pytest.approx(rows.target)


def test_folds_have_vocabularies_of_their_own_and_one_size():
    texts = [f"{'long ' * (row % 7)}word{row}" for row in range(41)]
    made = prepare(prose(texts), source="t", task="binary", folds=3, reading=Reading("text"))
    sizes = {(fold.preprocess.vocabulary, fold.x_train.shape[1]) for fold in made.folds}
    assert len(sizes) == 1
    assert len({fold.preprocess.known for fold in made.folds}) == 3
    assert made.info.vocabulary == made.folds[0].preprocess.vocabulary
    assert made.info.form == "text"
    for fold in made.folds:
        held = {int(row) for row in np.flatnonzero((fold.x_val == UNKNOWN).any(1))}
        assert len(held) == len(fold.x_val)  # each has a word of its own
        assert not (fold.x_train == UNKNOWN).any()


def test_notes():
    texts = ["a b c d", None, "", "a b", "a"]
    rows = prose(texts, other=[1, 2, 3, 4, 5])
    made = prepare(
        rows,
        source="t",
        task="binary",
        split=(0.6, 0.4, 0.0),
        reading=Reading("text", Text(vocabulary=1, length=1)),
    )
    told = " | ".join(made.notes)
    assert "the texts 'words' alone, not other" in told
    assert "2 texts are missing" in told or "1 texts are missing" in told
    assert "only the first are read" in told


def test_bad_columns():
    forms = ("text",)
    numbers = from_matrix(np.ones((4, 2)), np.array([0, 1, 0, 1]), ["a", "b"])
    for rows, asked, line in (
        (table(), Text("word"), "data.text: 'word' is not among the columns (words"),
        (table(), Text("y"), "data.text: 'y' is the target"),
        (table(more=["x"] * 5), None, "2 columns hold words (words, more)"),
        (numbers, None, "no column does"),
    ):
        with pytest.raises(DataError) as error:
            read_as(rows, forms, None, text=asked)
        assert line in str(error.value)
        assert "\n" not in str(error.value)
    assert read_as(table(), forms, None)[0].column == "words"  # the only one of words
    with pytest.raises(DataError, match="not texts"):
        read_as(table(), ("table",), None, text=Text("words"))
    with pytest.raises(DataError, match="a text has no shape"):
        read_as(table(), forms, (1, 1), text=Text("words"))


def test_texts_that_are_all_empty():
    with pytest.raises(DataError, match=r"data\.text: no text of the training part has any of"):
        fitted([None, "", " ", None, None])


def test_numbers_may_be_texts(tmp_path):
    (tmp_path / "t.csv").write_text("zip,y\n08001,a\n8001,b\n08001,a\n")
    rows = load_rows("csv:t.csv", Columns("y", ids=("zip",)), tmp_path)
    made = read_as(rows, ("text",), None, text=Text("zip"))[0]
    assert made.texts.tolist() == ["08001", "8001", "08001"]


def folders(base, files):
    for name, text in files.items():
        file = base / "mail" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    return load_rows("text:mail", Columns(None), base)


def test_folders_of_texts(tmp_path):
    files = {"spam/2.txt": b"buy", "spam/in/1.txt": b"now", "ham/1.txt": "\ufeffé".encode()}
    rows = folders(tmp_path, {**files, "ham/readme.md": b"no"})
    assert rows.target.tolist() == ["ham", "spam", "spam"]
    assert rows.texts.tolist() == ["é", "buy", "now"]
    assert rows.take(np.array([2])).texts.tolist() == ["now"]
    assert rows.fingerprint() != rows.take(np.array([0, 2, 1])).fingerprint()
    again = read_as(rows, ("text",), None)
    assert again[0] is rows
    with pytest.raises(DataError, match="leave 'x' out"):
        read_as(rows, ("text",), None, text=Text("x"))
    with pytest.raises(DataError, match="not texts"):
        read_as(rows, ("table", "image"), None)


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"spam/1.txt": b"\xff\xfe\x00"}, "spam/1.txt is no UTF-8 text"),
        ({"spam/1.txt": b"a", "ham/1.md": b"a"}, "folder ham of"),
        ({"1.txt": b"a"}, "needs a folder of texts"),
    ],
)
def test_bad_folders(tmp_path, files, line):
    with pytest.raises(DataError, match=line):
        folders(tmp_path, files)


@pytest.mark.parametrize(
    ("columns", "path"),
    [
        (Columns("x"), "data.target"),
        (Columns(None, "g"), "data.group"),
        (Columns(None, None, "o"), "data.order"),
    ],
)
def test_folders_have_no_columns(tmp_path, columns, path):
    folders(tmp_path, {"spam/1.txt": b"a"})
    with pytest.raises(DataError) as error:
        load_rows("text:mail", columns, tmp_path)
    assert error.value.path == path
