"""Folders of pictures and of texts: classes, parts, and what systems leave there."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lanewise.init import draft
from lanewise.plan import make_plan
from lanewise.sweepfile import parse
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.parts import Sources
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.errors import DataError

KINDS = ["images", "text"]


def save(kind: str, path: Path, count: int = 4, first: int = 0, side: int = 8) -> None:
    """So many examples in a folder, which `firsts` tells apart."""
    path.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        if kind == "images":
            Image.fromarray(np.full((side, side), number, np.uint8)).save(path / f"{number}.png")
        else:
            (path / f"{number}.txt").write_text(f"word {number}")


def firsts(rows) -> list:
    if hasattr(rows, "texts"):
        return [int(text.split()[1]) for text in rows.texts]
    return rows.x[:, 0, 0, 0].tolist()


def dataset(kind: str, root: Path, parts: dict[str, int]) -> None:
    """Folders of parts with as many examples of each class, counted on from part to part."""
    first = 0
    for part, count in parts.items():
        for label in ("cat", "dog"):
            save(kind, root / part / label, count, first)
            first += count


def planned(base: Path, kind: str, source: str = "set", data: dict | None = None, **more):
    model = {"images": "cnn", "text": "text"}[kind]
    body = {
        "name": "s",
        "data": {"source": f"{kind}:{source}", **(data or {})},
        "model": model,
        "objective": {"maximize": "val_accuracy"},
        "budget": {"trials": 1, "epochs": 1},
        **more,
    }
    return make_plan(parse(body, "s"), base).prepared


def counts(prepared) -> list[int]:
    return [prepared.identity["parts"][part] for part in ("train", "val", "test")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("train", "val", "test"), [20, 6, 4]),
        (("Training", "VALID", "testing"), [20, 6, 4]),
        (("train", "validation"), [16, 6, 4]),
        (("train", "test"), [16, 4, 6]),
        (("train",), [14, 3, 3]),
    ],
)
def test_folders_of_parts_are_the_parts(kind, names, parts, tmp_path):
    dataset(kind, tmp_path / "set", dict(zip(names, (10, 3, 2), strict=False)))
    for litter in ("__MACOSX/train", ".git/cat", "notes"):
        (tmp_path / "set" / litter).mkdir(parents=True)
    made = planned(tmp_path, kind)
    assert made.info.classes == ("cat", "dog")
    if len(names) == 2:
        assert counts(made)[0] in (16, 17)
        own = 1 if names[1] == "validation" else 2
        assert counts(made)[own] == 6
    else:
        assert counts(made) == parts
    assert made.identity["source"] == f"{kind}:set/{names[0]}"
    assert f"the folders of {kind}:set are the parts, not classes: " in made.notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_of_the_test_folder_trains(kind, tmp_path):
    dataset(kind, tmp_path / "set", {"train": 10, "test": 5})
    made = planned(tmp_path, kind)
    assert sorted(firsts(made.test)) == list(range(20, 30))


def test_the_parts_may_be_named_as_sources(tmp_path):
    dataset("images", tmp_path / "set", {"train": 10, "valid": 3, "test": 2})
    dataset("images", tmp_path / "other", {"late": 5})
    own = {"validation": "images:set/valid", "test": "images:other/late"}
    made = planned(tmp_path, "images", "set/train", own)
    assert counts(made) == [20, 6, 10]
    with pytest.raises(DataError) as caught:
        planned(tmp_path, "images", "set", {"test": "images:other/late"})
    message = "images:set has a folder of its own for this part, test; name images:set/train as"
    assert str(caught.value) == f"data.test: {message} data.source"


@pytest.mark.parametrize(
    ("parts", "more", "words"),
    [
        (
            {"train": 10, "test": 2},
            {"data": {"split": [0.7, 0.15, 0.15]}},
            "data.split: [0.7, 0.15, 0.15]: the test share must be 0",
        ),
        (
            {"train": 10, "val": 2},
            {"folds": 3},
            "data.validation: 3 folds cut their validation parts from the source",
        ),
    ],
)
def test_settings_that_do_not_fit_say_why(parts, more, words, tmp_path):
    dataset("images", tmp_path / "set", parts)
    with pytest.raises(DataError) as caught:
        planned(tmp_path, "images", **more)
    assert words in str(caught.value)
    assert (
        f"(the folders of images:set are the parts, not classes: train, {list(parts)[1]})"
        in str(caught.value)
    )


def test_mistakes_in_a_part_name_it(tmp_path):
    dataset("images", tmp_path / "set", {"train": 10, "test": 2})
    save("images", tmp_path / "set" / "test" / "cow")
    with pytest.raises(DataError, match=r"data.test: 4 rows have class 'cow', which is not in"):
        planned(tmp_path, "images")
    save("images", tmp_path / "set" / "val")
    with pytest.raises(DataError, match=r"data.validation: .*val needs a folder of pictures for"):
        planned(tmp_path, "images")
    (tmp_path / "set" / "Valid" / "cat").mkdir(parents=True)
    with pytest.raises(DataError, match=r"folders Valid and val, both for the validation part"):
        planned(tmp_path, "images")


@pytest.mark.parametrize("kind", KINDS)
def test_classes_may_be_called_as_parts_are(kind, tmp_path):
    """A train among vehicles, and a test among kinds of letters."""
    for number, names in enumerate((("bus", "train"), ("bus", "test"), ("test", "val"))):
        for name in names:
            save(kind, tmp_path / str(number) / name)
        assert Sources.of(f"{kind}:{number}", {}, tmp_path) == Sources(f"{kind}:{number}", {})
        rows = load_rows(f"{kind}:{number}", Columns(), tmp_path)
        assert set(rows.target) == set(names)
    save(kind, tmp_path / "vehicles" / "train" / "steam")
    save(kind, tmp_path / "vehicles" / "bus")
    rows = load_rows(f"{kind}:vehicles", Columns(), tmp_path)
    assert set(rows.target) == {"bus", "train"}


@pytest.mark.parametrize("kind", KINDS)
def test_parts_where_classes_are_looked_for_are_one_line(kind, tmp_path):
    """In a pattern of folders, and in a source of one part: else they would be classes."""
    for site in "ab":
        dataset(kind, tmp_path / f"site-{site}", {"train": 3, "test": 3})
    words = r"site-a has folders of parts \(train, test\), not of classes; name one of them"
    if kind == "images":
        with pytest.raises(DataError, match=rf"data.source: .*{words}"):
            planned(tmp_path, kind, "site-*")
        assert len(load_rows("images:site-*/train", Columns(), tmp_path)) == 12
    with pytest.raises(DataError, match=rf"data.test: .*{words}"):
        planned(tmp_path, kind, "site-b/train", {"test": f"{kind}:site-a"})


@pytest.mark.parametrize("kind", KINDS)
def test_parts_beside_other_folders_are_one_line(kind, tmp_path):
    dataset(kind, tmp_path / "set", {"train": 3, "test": 3})
    save(kind, tmp_path / "set" / "extra")
    with pytest.raises(DataError, match=r"folders of parts \(train, test\) and others \(extra\)"):
        planned(tmp_path, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_systems_leave_behind_is_left_out(kind, tmp_path):
    dataset(kind, tmp_path, {"set": 3})
    end = {"images": "png", "text": "txt"}[kind]
    for litter in ("__MACOSX/cat", "@eaDir", ".hidden", "cat/.thumbs", "dog/__MACOSX"):
        (tmp_path / "set" / litter).mkdir(parents=True)
        (tmp_path / "set" / litter / f"1.{end}").write_bytes(b"\xff\xfe\0")
    for litter in (f"cat/._1.{end}", "cat/Thumbs.db", "cat/.DS_Store", "dog/desktop.ini"):
        (tmp_path / "set" / litter).write_bytes(b"\xff\xfe\0")
    rows = load_rows(f"{kind}:set", Columns(), tmp_path)
    assert firsts(rows) == [0, 1, 2, 3, 4, 5]
    assert rows.target.tolist() == ["cat"] * 3 + ["dog"] * 3
    (tmp_path / "set" / "cow").mkdir()
    with pytest.raises(DataError, match=r"folder cow of .* holds no (picture|text)"):
        load_rows(f"{kind}:set", Columns(), tmp_path)


def test_endings_in_capitals(tmp_path):
    dataset("text", tmp_path, {"set": 2})
    (tmp_path / "set" / "dog" / "9.TXT").write_text("word 9")
    assert firsts(load_rows("text:set", Columns(), tmp_path)) == [0, 1, 2, 3, 9]


@pytest.mark.parametrize("kind", KINDS)
def test_init_sees_parts(kind, tmp_path):
    dataset(kind, tmp_path / "set", {"train": 20, "val": 4, "test": 4})
    made = draft(str(tmp_path / "set"), None, tmp_path / "sweep.yaml")
    assert made.found.rows == 40
    assert "split: [1, 0, 0]" in made.text
    assert "are the parts, not classes: train, val, test" in made.text


def test_init_finds_one_shape_for_all_parts(tmp_path):
    dataset("images", tmp_path / "set", {"train": 20, "test": 4})
    save("images", tmp_path / "set" / "test" / "dog", 1, 99, side=30)
    made = draft(str(tmp_path / "set"), None, tmp_path / "sweep.yaml")
    assert "shape: [1, 8, 8]" in made.text


def test_a_model_without_a_target_keeps_the_parts_apart(tmp_path):
    for part, first in (("train", 0), ("test", 40)):
        save("images", tmp_path / "set" / part, 20, first)
    made = planned(tmp_path, "images", model="autoencoder", objective={"minimize": "val_loss"})
    assert sorted(firsts(made.test)) == list(range(40, 60))
    assert counts(made)[2] == 20
