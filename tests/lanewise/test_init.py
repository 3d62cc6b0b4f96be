"""``lanewise init``: what it sees in every kind of source, and that what it writes is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import Lanewise

from lanewise import sweepfile, yaml
from lanewise.cli import run
from lanewise.commented import flow
from lanewise.init import draft
from lanewise.plan import make_plan
from lanewise.sniff import MODEL_OF
from lanewise.trainables.models import MODELS
from lanewise.trainables.training.model_trial import threads
from lanewise.trainables.trial import open_trial

ROWS = 240


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def people(folder: Path) -> None:
    columns = {"age": rng().integers(20, 80, ROWS), "town": ["Bern", "Rome", None] * (ROWS // 3)}
    pd.DataFrame({**columns, "y": ["no", "yes"] * (ROWS // 2)}).to_csv(
        folder / "rows.csv", index=False
    )


def visits(folder: Path) -> None:
    days = pd.date_range("2021-01-01", periods=ROWS).astype(str)
    who, y = rng().integers(0, 40, ROWS), (["no"] * 19 + ["yes"]) * (ROWS // 20)
    frame = pd.DataFrame({"visit": days, "patient_id": who, "age": who % 7, "y": y})
    frame.to_csv(folder / "rows.csv", index=False)


def patients(folder: Path) -> None:
    who = rng().integers(0, 40, ROWS)
    frame = pd.DataFrame({"id": range(ROWS), "patient": who, "price": rng().normal(size=ROWS)})
    frame.to_parquet(folder / "rows.parquet")


def load(folder: Path) -> None:
    hours = pd.date_range("2021-01-01", periods=800, freq="h")
    wave = np.sin(np.arange(800) * 2 * np.pi / 24)
    frame = pd.DataFrame({"date": hours, "load": wave + rng().normal(size=800) / 9, "temp": wave})
    frame.to_csv(folder / "load.csv", index=False)


def ratings(folder: Path) -> None:
    user, item = rng().integers(0, 30, ROWS), rng().integers(0, 20, ROWS)
    frame = pd.DataFrame({"userId": user, "movieId": item, "rating": (user + item) % 5 + 1.0})
    frame["timestamp"] = rng().integers(10**9, 2 * 10**9, ROWS)
    frame.to_csv(folder / "ratings.csv", index=False)


def sentences(count: int) -> list[str]:
    words = ["good", "bad", "film", "plot", "actor", "dull", "great", "scene", "the", "a", "with"]
    return [" ".join(rng().permuted(words)[:7]) + f" {number}" for number in range(count)]


def reviews(folder: Path) -> None:
    frame = pd.DataFrame({"review": sentences(ROWS), "stars": [1, 2, 3] * (ROWS // 3), "n": 1.5})
    frame.to_csv(folder / "reviews.csv", index=False)


def text_files(folder: Path) -> None:
    for kind in ("good", "bad"):
        (folder / "texts" / kind).mkdir(parents=True)
        for number, text in enumerate(sentences(20)):
            (folder / "texts" / kind / f"{number}.txt").write_text(text)


def pictures(folder: Path, last: int = 12) -> None:
    from PIL import Image

    for kind in ("cat", "dog"):
        (folder / "pictures" / kind).mkdir(parents=True)
        for number in range(20):
            side = 12 if number < 19 else last
            pixels = rng().integers(0, 255, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / kind / f"{number}.png")


def arrays(*shape: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        x, y = rng().normal(size=(ROWS, *shape)), np.arange(ROWS) % 3
        np.savez(folder / "arrays.npz", X=x, y=y)

    return write


def npy(folder: Path) -> None:
    (folder / "both").mkdir()
    np.save(folder / "both" / "X.npy", rng().normal(size=(ROWS, 5)))
    np.save(folder / "both" / "y.npy", rng().normal(size=ROWS))


def function(folder: Path) -> None:
    text = "import numpy as np\ndef rows():\n    return np.eye(60), np.arange(60) % 2\n"
    (folder / "my.py").write_text(text)


def nothing(folder: Path) -> None:
    pass


# What is written, what is given, and of the file: model, objective, keys of the data section.
CASES: dict[str, tuple[Callable[[Path], None], list[str], str, dict[str, str], dict[str, Any]]] = {
    "table": (
        people, ["rows.csv"], "mlp", {"maximize": "val_accuracy"},
        {"source": "csv:rows.csv", "target": "y"},
    ),
    "dates and a rare class": (
        visits, ["rows.csv"], "mlp", {"maximize": "val_roc_auc"},
        {"source": "csv:rows.csv", "target": "y", "order": "visit"},
    ),
    "groups": (
        patients, ["rows.parquet", "--target", "price"], "mlp", {"minimize": "val_rmse"},
        {"source": "parquet:rows.parquet", "target": "price", "group": "patient"},
    ),
    "series": (
        load, ["load.csv"], "lstm", {"maximize": "val_skill"},
        {"source": "series:load.csv", "series": {
            "time": "date", "values": ["load", "temp"], "window": 48, "horizon": 24, "season": 24}},
    ),
    "one series": (
        load, ["load.csv", "--target", "load"], "lstm", {"maximize": "val_skill"},
        {"source": "series:load.csv", "series": {
            "time": "date", "values": ["load"], "window": 48, "horizon": 24, "season": 24}},
    ),
    "ratings": (
        ratings, ["ratings.csv"], "recommender", {"minimize": "val_rmse"},
        {"source": "csv:ratings.csv", "target": "rating", "user": "userId", "item": "movieId",
         "stratify": "userId"},
    ),
    "reviews": (
        reviews, ["reviews.csv", "--target", "stars"], "text", {"maximize": "val_accuracy"},
        {"source": "csv:reviews.csv", "target": "stars", "text": {"column": "review"}},
    ),
    "text files": (
        text_files, ["texts"], "text", {"maximize": "val_accuracy"}, {"source": "text:texts"},
    ),
    "pictures": (
        pictures, ["pictures/"], "cnn", {"maximize": "val_accuracy"}, {"source": "images:pictures"},
    ),
    "pictures of two sizes": (
        lambda folder: pictures(folder, 30), ["pictures"], "cnn", {"maximize": "val_accuracy"},
        {"source": "images:pictures", "shape": [3, 8, 8]},
    ),
    "images in an array": (
        arrays(1, 8, 8), ["arrays.npz"], "cnn", {"maximize": "val_accuracy"},
        {"source": "npz:arrays.npz"},
    ),
    "sequences": (
        arrays(9, 2), ["npz:arrays.npz"], "lstm", {"maximize": "val_accuracy"},
        {"source": "npz:arrays.npz"},
    ),
    "numbers": (
        arrays(4), ["arrays.npz"], "mlp", {"maximize": "val_accuracy"},
        {"source": "npz:arrays.npz"},
    ),
    "a folder of arrays": (
        npy, ["both"], "mlp", {"minimize": "val_rmse"}, {"source": "npy:both"},
    ),
    "a function": (
        function, ["python:my.py:rows"], "mlp", {"maximize": "val_accuracy"},
        {"source": "python:my.py:rows"},
    ),
    "digits": (
        nothing, ["sklearn:digits"], "cnn", {"maximize": "val_accuracy"},
        {"source": "sklearn:digits"},
    ),
    "diabetes": (
        nothing, ["sklearn:diabetes"], "mlp", {"minimize": "val_rmse"},
        {"source": "sklearn:diabetes"},
    ),
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_the_file_fits_the_data_is_valid_and_trains(
    case: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, words, model, objective, data = CASES[case]
    write(place)
    assert run(["init", *words, "--out", "sweep.yaml"]) == 0
    said = capsys.readouterr().out
    text = (place / "sweep.yaml").read_text()
    body = yaml.load(text, "sweep.yaml")
    assert body["model"] == model
    assert body["objective"] == objective
    assert {**body["data"], "split": None} == {**data, "split": None}
    assert "wrote sweep.yaml" in said
    assert "run sweep.yaml" in said
    assert model in said
    assert data["source"] in said
    plan = make_plan(sweepfile.read(place / "sweep.yaml"), place)  # as validate and run do
    trial = open_trial(plan.recipe(), plan.spec.space.sample(rng()), 0)
    with threads(1):
        trial.advance(1)
    assert objective[next(iter(objective))] in trial.rows[0][1]


def test_every_form_has_a_model_that_is_there() -> None:
    assert set(MODEL_OF.values()) <= set(MODELS)


@pytest.mark.parametrize("case", ["table", "digits", "ratings"])
def test_the_space_is_the_ready_made_one(case: str, place: Path) -> None:
    write, words, model, _, _ = CASES[case]
    write(place)
    assert run(["init", *words, "--out", "sweep.yaml"]) == 0
    space = sweepfile.read(place / "sweep.yaml").space
    ours = dict(MODELS[model].space)
    assert space is not None
    assert list(space) == list(ours)
    from lanewise.spaces import Space

    small = {"batch_size": {"choice": [16, 32]}} if case != "digits" else {}
    assert Space.from_json(space) == Space.from_json({**ours, **small})


def test_every_line_is_explained(place: Path) -> None:
    visits(place)
    text = draft("rows.csv", None, None).text
    assert "# group: patient_id" in text  # the other way to part the rows, to be switched on
    assert "class_weight: {choice: [null, balanced]}" in text
    bare = (
        "name:",
        "data:",
        "space:",
        "metrics:",
        "seed:",
        "  source:",
        "  target:",
        "    choice:",
    )
    for line in text.splitlines():
        if line and not line.startswith((*bare, "      - ")):
            assert "#" in line, line


def test_more_rows_get_fewer_epochs_and_larger_batches(place: Path) -> None:
    def body(rows: int) -> Any:
        np.savez(place / "a.npz", X=rng().normal(size=(rows, 2)), y=np.arange(rows) % 2)
        return yaml.load(draft("a.npz", None, None).text, "a")

    few, many = body(100), body(200_000)
    assert few["space"]["batch_size"] == {"choice": [16, 32]}
    assert many["space"]["batch_size"] == {"choice": [256, 512, 1024]}
    assert few["budget"]["epochs"] > many["budget"]["epochs"]
    assert few["budget"]["trials"] > many["budget"]["trials"]


def test_a_file_that_is_there_stays(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people(place)
    (place / "rows.yaml").write_text("mine")
    assert run(["init", "rows.csv"]) == 2
    assert "rows.yaml is already there; --force writes over it" in capsys.readouterr().err
    assert (place / "rows.yaml").read_text() == "mine"
    assert run(["init", "rows.csv", "--force"]) == 0
    assert (place / "rows.yaml").read_text() != "mine"


def test_a_column_that_numbers_the_rows_is_told(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{1000 + n},{n % 7},{n % 2}\n" for n in range(60))
    (place / "rows.csv").write_text(f"id,x,y\n{rows}")
    assert run(["init", "rows.csv", "--target", "y"]) == 0
    told = "`id` is unique per row, probably an identifier: drop it"
    assert told in capsys.readouterr().out
    assert told in (place / "rows.yaml").read_text()


def test_paths_are_seen_from_the_sweep_file(place: Path) -> None:
    people(place)
    (place / "sweeps").mkdir()
    assert run(["init", "rows.csv", "--out", "sweeps/a.yaml"]) == 0
    assert sweepfile.read(place / "sweeps" / "a.yaml").data.source == "csv:../rows.csv"
    assert run(["validate", "sweeps/a.yaml"]) == 0
    assert run(["init", str(place / "rows.csv"), "--out", "sweeps/b.yaml"]) == 0
    assert run(["validate", "sweeps/b.yaml"]) == 0


@pytest.mark.parametrize("name", ["data[1]", "what?", "50% #1", "at 10: 30", "{a}*, b", "- 'x'"])
def test_odd_names_and_headers_are_seen_as_the_reader_sees_them(name: str, place: Path) -> None:
    rows = "".join(f"{n};{n % 7};{n % 2}\n" for n in range(80))
    (place / f"{name}.csv").write_text(f'sep=;\n"Temp, air, C";"p, bar";y\n{rows}')
    made = draft(f"{name}.csv", None, place / "sweep.yaml")
    assert made.found.shape == "2 columns, 2 of numbers"
    source = yaml.load(made.text, "sweep.yaml")["data"]["source"]
    assert source == made.source == f"csv:{name}.csv"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rwos.csv"], "DATA: no file or folder rwos.csv; did you mean 'rows.csv'?"),
        (["rows.parquet"], "--target: name the column to predict (columns: id, patient, price)"),
        (
            ["rows.csv", "--target", "yy"],
            "--target: there is no column 'yy' (columns: age, town, y",
        ),
        (
            ["note.txt"],
            "DATA: note.txt is none of .csv, .csv.gz, .tsv, .parquet, .npz, nor a folder",
        ),
        (["empty"], "DATA: empty is not a folder of pictures or of texts for each class"),
        (["."], "several files of one table are csv:./*"),
        (["rows.csv", "--out", "no/a.yaml"], "--out: there is no folder no"),
        (["sklearn:iri"], "data.source: scikit-learn bundles no set 'iri'"),
        (["series:rows.csv"], "DATA: no column of series:rows.csv holds times (age, town, y)"),
        (["torn.csv", "--target", "y"], "data.source: torn.csv is no readable CSV"),
        (["one.csv", "--target", "y"], "data.target: column 'y' has one class, 'a'"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people(place)
    patients(place)
    (place / "note.txt").write_text("a")
    (place / "empty").mkdir()
    (place / "torn.csv").write_text("x,y\n1,2\n1,2,3,4\n")
    (place / "one.csv").write_text("x,y\n" + "1,a\n2,a\n" * 20)
    before = sorted(place.iterdir())
    assert run(["init", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert sorted(place.iterdir()) == before


def test_names_that_yaml_would_misread(place: Path) -> None:
    names = ["y: 1", "# a", "no\nline", "null", "1e3", "ö"]
    frame = pd.DataFrame(rng().normal(size=(60, 6)), columns=names)
    for name in names:
        frame.to_parquet(place / "a b.parquet")
        made = draft("a b.parquet", name, None)
        assert sweepfile.parse(yaml.load(made.text, "a"), "a").data.target == name
    for value in (None, True, 1, 1.0, 1e-6, "a", "true", "10m", "a b", [], [[1], []], {"a": {}}):
        back = "a" if value == {"a": {}} else value
        assert yaml.load(flow(value), "a") == back


@pytest.mark.parametrize(
    "case",
    [
        pytest.param("table", marks=pytest.mark.long),
        *(
            pytest.param(case, marks=pytest.mark.night)
            for case in ("series", "ratings", "pictures", "text files")
        ),
    ],
)
def test_it_runs_from_the_command_line(case: str, lanewise: Lanewise) -> None:
    write, words, *_ = CASES[case]
    write(lanewise.folder)
    done = lanewise.run("init", *words, "--out", "first.yaml")
    assert done.returncode == 0, done.stderr
    few = ["budget.trials=2", "budget.epochs=2", "report=false", "executor=inline"]
    summary = lanewise.json("run", "first.yaml", *few)
    assert summary["status"] == "done"
    assert summary["trials"]["failed"] == 0
