"""From a CSV with gaps and words to a version whose every way in gives the same answers."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lanewise as lw
from lanewise.cli import run
from lanewise.dashboards.service import quiet
from lanewise.search.store.home import Home
from lanewise.search.store.view import find, open_view

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    # MLflow's and torch's own, of their imports and of saving models.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SWEEP = """
name: loans
data: {source: "csv:loans.csv", target: paid}
model: mlp
objective: {maximize: val_accuracy}
space: {lr: {float: [1e-3, 1e-1], log: true}, hidden: [8]}
sampler: random
executor: inline
budget: {trials: 2, epochs: 3}
report: false
"""


def loans(rows: int, seed: int) -> pd.DataFrame:
    """Integers, truth values, dates and words, all with gaps; codes that look like numbers."""
    rng = np.random.default_rng(seed)
    income = rng.integers(10, 99, rows)
    frame = pd.DataFrame(
        {
            "income": pd.array(income, "Int64"),
            "owner": pd.array(rng.random(rows) < 0.5, "boolean"),
            "zip": rng.choice(["08001", "10115", "4051"], rows).astype(object),
            "job": rng.choice(["baker", "pilot", "judge, senior"], rows).astype(object),
            "since": rng.choice(["2020-01-31", "2021-06-30", "2024-02-29"], rows).astype(object),
            "debt": rng.normal(size=rows).round(3),
        }
    )
    frame["paid"] = np.where(income + 40 * rng.random(rows) > 75, "yes", "no")
    for name in frame.columns[:-1]:
        frame[name] = frame[name].mask(pd.Series(rng.random(rows) < 0.15))
    return frame


class Lab:
    """A folder with a sweep's home, and what the command line says in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.new = folder / "new.csv"

    def run(self, *words: str, code: int = 0) -> None:
        assert run([*words, "--home", str(self.home)]) == code


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Lab]:
    """A sweep of loans, not promoted yet."""
    quiet()
    lab = Lab(tmp_path_factory.mktemp("promoted"))
    lab.home.mkdir()
    shutil.copy(migrated, lab.home / "mlflow.db")
    loans(160, 0).to_csv(lab.folder / "loans.csv", index=False)
    loans(40, 1).drop(columns="paid").to_csv(lab.new, index=False)
    (lab.folder / "loans.yaml").write_text(SWEEP)
    lab.run("run", str(lab.folder / "loans.yaml"), "--quiet")
    return lab


@pytest.fixture(scope="module")
def promoted(lab: Lab) -> Lab:
    """The same, with a version of its best trial."""
    lab.run("promote", "loans", "--name", "loans", "--variants", "float32", "--quiet")
    return lab


def predicted(lab: Lab, capsys: pytest.CaptureFixture[str], *words: str) -> pd.DataFrame:
    capsys.readouterr()
    lab.run("predict", *words)
    return pd.read_csv(io.StringIO(capsys.readouterr().out))


def test_all_ways_in_give_the_same_answers(
    promoted: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    by_sweep = predicted(promoted, capsys, "loans", str(promoted.new), "--proba")
    by_name = predicted(promoted, capsys, "loans@champion", str(promoted.new), "--proba")
    pd.testing.assert_frame_equal(by_sweep, by_name, atol=1e-5)
    assert set(by_name["prediction"]) == {"yes", "no"}
    model = lw.load("models:/loans@champion", home=promoted.home)
    assert model.predict(pd.read_csv(promoted.new)).tolist() == by_name["prediction"].tolist()

    mlflow.set_tracking_uri(f"sqlite:///{promoted.home / 'mlflow.db'}")
    loaded = mlflow.pyfunc.load_model("models:/loans@champion")
    frames: dict[str, pd.DataFrame] = {
        "as pandas reads it": pd.read_csv(promoted.new),
        "as text": pd.read_csv(promoted.new, dtype=str),
        "nullable": pd.read_csv(promoted.new, dtype={"zip": str}).convert_dtypes(),
        "objects": pd.read_csv(promoted.new, dtype={"zip": str}).astype(object),
    }
    for name, frame in frames.items():
        assert loaded.predict(frame)["prediction"].tolist() == by_name["prediction"].tolist(), name


def test_the_signature_takes_a_gap_in_every_column(promoted: Lab) -> None:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{promoted.home / 'mlflow.db'}")
    loaded = mlflow.pyfunc.load_model("models:/loans/1")
    inputs = loaded.metadata.signature.inputs
    assert inputs.input_names() == ["income", "owner", "zip", "job", "since", "debt"]
    assert [spec.required for spec in inputs.inputs] == [False] * 6
    assert loaded.metadata.signature.outputs.input_names() == ["prediction"]
    example = loaded.input_example
    assert list(example.columns) == inputs.input_names()
    assert len(loaded.predict(example)) == 2
    nothing = pd.DataFrame([dict.fromkeys(inputs.input_names())])
    assert loaded.predict(nothing)["prediction"].tolist()[0] in ("yes", "no")
    whole = pd.DataFrame(
        [{"income": 5, "owner": True, "zip": 8001, "debt": 2} | dict.fromkeys(("job", "since"))]
    )
    assert len(loaded.predict(whole)) == 1
    kept = {path.name for path in located(promoted).folder.rglob("*") if path.is_file()}
    assert {"card.md", "tradeoff.svg", "model.onnx", "bundle.json", "pyfunc_model.py"} <= kept
    assert not {name for name in kept if name.endswith((".pkl", ".pickle", ".pt"))}


def located(lab: Lab, name: str = "loans") -> Any:
    from lanewise.registry.names import parse
    from lanewise.registry.opening import registry_at

    return registry_at(Home(lab.home), None).resolve(parse(name))


def test_a_version_says_where_it_is_from(promoted: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    promoted.run("models", "loans", "--json")
    (told,) = json.loads(capsys.readouterr().out)
    sweep = told.pop("sweep")
    assert sweep.startswith("loans-")
    assert told["name"] == "loans"
    assert (told["version"], told["aliases"], told["variant"]) == (1, ["champion"], "float32")
    assert told["metric"] == "val_accuracy"
    assert told["trained_on"] == "train"
    promoted.run("models")
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["model", "version", "aliases", "metric"]
    assert f"float32  {told['size'] / 1000:.3g} kB  {sweep}" in row
    card = (located(promoted, "loans/1").folder / "card.md").read_text()
    for words in ("# loans", "csv:loans.csv", "corrected for", "| income |", "`judge, senior`"):
        assert words in card


def test_promoting_again_makes_a_version_and_rollback_moves_the_alias_back(
    promoted: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("promote", "loans", "--name", "again", "--variants", "float32", "--quiet")
    promoted.run(*words)
    promoted.run(*words, "--trial", "0", "--refit", "all", "--json")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["version"], told["trial"], told["variant"]) == (2, 0, "float32")
    assert set(told["test"]) == {"test_accuracy", "test_loss"}
    journal = Home(promoted.home).journal()
    view = open_view(journal, find(journal, "loans"))
    journal.close()
    ((_, use),) = view.uses
    assert (use.trial, use.metrics) == (0, told["test"])
    assert use.by.endswith(", with weights trained anew on all other rows")
    final, best = (lw.load(f"again/{number}", home=promoted.home) for number in (2, 1))
    assert final.metrics["test_accuracy"] == told["test"]["test_accuracy"]
    assert "val_accuracy" not in final.metrics
    assert final.epoch == view.history.trials[0].best[0]  # type: ignore[index]
    assert best.metrics == lw.load("loans", home=promoted.home).metrics
    card = (located(promoted, "again").folder / "card.md").read_text()
    assert "trained anew on the training and the validation part together" in card
    assert "rows of the test part, use 1 of it: test_accuracy" in card

    capsys.readouterr()
    promoted.run("rollback", "again")
    assert capsys.readouterr().out == "again@champion is version 1 again; it was version 2\n"
    assert located(promoted, "again").version == 1
    promoted.run("rollback", "again", "--to", "2", "--json")
    moved = {"name": "again", "alias": "champion", "before": 1, "now": 2}
    assert json.loads(capsys.readouterr().out) == moved


@pytest.mark.long
def test_a_dry_run_measures_and_registers_nothing(
    promoted: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--variants", "int8-dynamic", "--refit", "all", "--dry-run", "--quiet")
    promoted.run("promote", "loans", "--name", "dry", *words)
    out, err = capsys.readouterr()
    assert "nothing is trained or registered (--dry-run)" in err
    assert [line.split()[:1] for line in out.splitlines()[1:3]] != [["float32"]]
    assert "would be registered as dry@champion (--dry-run)" in out
    promoted.run("models", "dry", code=2)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--name", "../x"), 2, "--name: '../x' is no name"),
        (("--name", "x", "--alias", "latest"), 2, "--alias: 'latest' is reserved"),
        (("--name", "x", "--max-latency", "2"), 2, "--max-latency: must be a number above 0"),
        (("--name", "x", "--max-size", "1mb"), 2, "did you mean MB?"),
        (("--name", "x", "--variants", "int4"), 2, "--variants: 'int4' is no variant (float32,"),
        (("--name", "x", "--trial", "9"), 2, "--trial: loans has no trial 9"),
        (("--name", "x", "--target", "gpu"), 2, "'gpu' is not one of 'cpu'"),
        (("--name", "x", "--refit", "some"), 2, "'some' is not one of 'all'"),
        (("--name", "x", "--tracking-uri", "http://elsewhere:5000"), 2, "the sweep is shown in"),
        ((), 2, "Missing option '--name'"),
    ],
)
def test_a_promotion_that_cannot_be_is_refused_in_one_line(
    promoted: Lab, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, told: str
) -> None:
    capsys.readouterr()
    promoted.run("promote", "loans", *words, "--quiet", code=code)
    out, err = capsys.readouterr()
    assert not out
    assert told in err.splitlines()[-1]


def test_limits_that_nothing_is_within_name_the_nearest(
    promoted: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--variants", "float32", "--max-size", "1kB", "--max-latency", "10s", "--quiet")
    promoted.run("promote", "loans", "--name", "tight", *words, code=3)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("lanewise: no variant is within the limits; the nearest, float32, has ")
    assert last.endswith(" kB of 1 kB")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("models", "../x"), "name: '../x' is no name"),
        (("models", "gone"), "there is no model gone in"),
        (("rollback", "gone"), "there is no model gone in"),
        (("rollback", "loans", "--alias", "v2"), "--alias: 'v2' reads like a version"),
        (("rollback", "loans", "--to", "two"), "--to: 'two' is no version"),
        (("rollback", "loans"), "was never another version than 1"),
        (("predict", "loans@gone", "new.csv"), "loans has no alias gone (it has champion)"),
        (("predict", "loans/7", "new.csv"), "loans has no version 7"),
        (("predict", "models:/../x", "new.csv"), "is no"),
        (("predict", "gone", "new.csv"), "there is no sweep 'gone'"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    promoted: Lab, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    capsys.readouterr()
    promoted.run(*words, code=2)
    assert told in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.long
def test_a_training_function_has_no_model_to_promote(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab.folder / "own.py").write_text("def train(config, report):\n    report(1, val_loss=1.0)\n")
    sweep = "{name: own, train: own.py:train, objective: {minimize: val_loss}, executor: inline, "
    sweep += "space: {lr: 1}, sampler: random, budget: {trials: 1, epochs: 1}, report: false}"
    (lab.folder / "own.yaml").write_text(sweep)
    lab.run("run", str(lab.folder / "own.yaml"), "--quiet")
    lab.run("promote", "own", "--name", "own", code=3)
    assert "a training function keeps its own models" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.long
def test_a_changed_file_is_refused(promoted: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    promoted.run("promote", "loans", "--name", "changed", "--variants", "float32", "--quiet")
    network = located(promoted, "changed").folder / "artifacts" / "exported" / "model.onnx"
    network.write_bytes(network.read_bytes()[:-1] + b"\x00")
    capsys.readouterr()
    promoted.run("predict", "changed@champion", str(promoted.new), code=4)
    (line,) = capsys.readouterr().err.splitlines()
    assert "changed/1: artifacts/exported/model.onnx has changed since it was registered" in line


@pytest.mark.long
def test_predicting_by_name_imports_no_torch(promoted: Lab) -> None:
    code = (
        "import sys; from lanewise.cli import run; code = run(sys.argv[1:]); "
        "print('torch' in sys.modules, 'ray' in sys.modules); sys.exit(code)"
    )
    words = ["predict", "loans@champion", str(promoted.new), "--home", str(promoted.home)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False"
