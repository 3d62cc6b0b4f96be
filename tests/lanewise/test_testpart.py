"""`lanewise test` and `lanewise replay`: what a sweep's trials score once more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lanewise as lw
from lanewise import machine, replaying, testpart
from lanewise.cli import run
from lanewise.errors import NoModelError
from lanewise.models import load, model_of
from lanewise.plan import plan_again
from lanewise.replaying import replay
from lanewise.search.control.simulate import simulate
from lanewise.search.core import events as ev
from lanewise.search.core.history import Segment
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, open_view
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> lw.Result:
    """A sweep of a CSV file beside its home."""
    folder = tmp_path_factory.mktemp("swept")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    frame["y"] = np.where(frame["a"] + rng.normal(size=200) > 0, "more", "less")
    frame.to_csv(folder / "rows.csv", index=False)
    return lw.tune(
        model="mlp",
        data={"source": f"csv:{folder / 'rows.csv'}", "target": "y"},
        space={"hidden": [4], "lr": lw.Float(1e-3, 1e-1, log=True)},
        maximize="val_accuracy",
        metrics=["val_roc_auc", "train_accuracy", "gap"],
        trials=2,
        epochs=3,
        sampler="random",
        executor="inline",
        home=folder / "home",
        report=False,
        progress=False,
    )


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testpart, "show_in_mlflow", lambda *_, **__: None)


def command(result: lw.Result, *words: str) -> list[str]:
    return [*words, result.sweep, "--home", str(result._home.root)]


def test_each_use_of_the_test_part_is_recorded(
    swept: lw.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    with swept._view() as before:
        rows = plan_again(before).prepared.test  # type: ignore[union-attr]
    first = swept.best.test()
    assert first.warning == ""
    assert set(first.metrics) == {"test_accuracy", "test_roc_auc", "test_loss"}
    assert rows is not None
    right = np.mean(swept.best.model.predict(rows) == rows.target)
    assert first.metrics["test_accuracy"] == pytest.approx(right)
    assert run(command(swept, "test", "--trial", "1", "--json")) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["trial"], told["uses"], told["rows"]) == (1, 2, len(rows))
    (earlier,) = told["earlier"]
    assert earlier == first.use.to_json()
    assert earlier["by"] == machine.user()
    assert "this is use 2 of the test part of sweep (first by" in err
    assert run(command(swept, "test")) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[0] == "test_accuracy"
    assert "this is use 3" in err
    with pytest.warns(UserWarning, match="this is use 4 of the test part"):
        swept.best.test()
    with swept._view() as after:
        assert [use.trial for _, use in after.uses] == [
            swept.best.trial,
            1,
            *[swept.best.trial] * 2,
        ]
        assert after.history.closed == before.history.closed
        assert (after.last_at, after.sessions) == (before.last_at, before.sessions)


def test_what_forbids_a_use_is_one_line(
    swept: lw.Result, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with swept._view() as view:
        uses = len(view.uses)
    with swept._home.controller_lock(swept.sweep):
        assert run(command(swept, "test")) == 4
    file = swept._home.root.parent / "rows.csv"
    text = file.read_text()
    try:
        file.write_text(text.replace("more", "most", 1))
        assert run(command(swept, "test")) == 2
    finally:
        file.write_text(text)
    assert run(command(swept, "test", "--trial", "7")) == 2

    def cut(view: View, function: Any) -> Any:
        plan = plan_again(view, function)
        assert plan.prepared is not None
        return replace(plan, prepared=plan.prepared.for_trials())

    monkeypatch.setattr(testpart, "plan_again", cut)
    assert run(command(swept, "test")) == 2
    running, changed, unknown, cut_off = capsys.readouterr().err.splitlines()
    assert swept.sweep in running
    assert "data.source" in changed
    assert "has changed since the launch" in changed
    assert unknown == "lanewise: --trial: sweep has no trial 7"
    assert cut_off.endswith("sweep has no test part")
    with swept._view() as view:
        assert len(view.uses) == uses


# -- replay --------------------------------------------------------------------------------------


def test_a_replayed_trial_is_equal(swept: lw.Result, capsys: pytest.CaptureFixture[str]) -> None:
    number = swept.best.trial
    assert run(command(swept, "replay", "--trial", str(number), "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["first_different"], told["epochs"]) == ("equal", None, 3)
    assert told["differing"] == {}
    value = told["metrics"]["val_accuracy"]
    assert value["recorded"] == value["again"] == swept.best.metrics["val_accuracy"]
    assert run(command(swept, "replay", "--trial", str(number))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"sweep: trial {number}, seed ")
    assert lines[-1] == "over all epochs: equal"


@pytest.mark.parametrize(
    ("factor", "verdict", "first"), [(1 + 1e-6, "equal within rounding", None), (2, "different", 2)]
)
def test_what_is_not_equal_is_told(
    swept: lw.Result,
    factor: float,
    verdict: str,
    first: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replaying, "versions", lambda: machine.versions() | {"torch": "99"})
    with swept._view() as view:
        trial = view.history.trials[0]
        trial.rows[1] = (2, {**trial.rows[1][1], "val_loss": trial.rows[1][1]["val_loss"] * factor})
        found = replay(view, 0)
    assert (found.verdict, found.first_different) == (verdict, first)
    assert found.differing == {"torch": (machine.versions()["torch"], "99")}


FUNCTION = """
def train(config, report):
    for epoch in (1, 2):
        report(epoch, acc=config["x"] / epoch)
"""
BODY = {
    "name": "own",
    "train": "own.py:train",
    "objective": {"maximize": "acc"},
    "space": {"x": {"float": [0, 1]}},
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[View]:
    """A finished sweep of a training function."""
    (tmp_path / "own.py").write_text(FUNCTION)
    spec = Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("acc", "max"),),
        budget=Budget(2, 2),
        sampler=Plugin("random"),
        scheduler=Plugin("none"),
    )
    sweep = make_sweep(spec)
    sweep.opened("inline", "asked for", {})
    details = {"sweep_file": BODY, "base": str(tmp_path), "model": "own.py:train", "data": None}
    details["code"] = {"sha256": "0" * 64}
    events = simulate(sweep, lambda params, epoch: {"acc": params["x"] / epoch})
    with closing(Home(tmp_path).journal(create=True)) as journal:
        journal.append("s1", -1, [ev.Launched("s1", "own", spec.to_json(), details), *events])
        yield open_view(journal, "s1")


def test_a_training_function_is_replayed_too(own: View) -> None:
    found = replay(own, 1)
    assert (found.verdict, found.epochs) == ("equal", 2)
    assert found.differing["code"][0] == "0" * 12


def test_what_cannot_be_replayed_is_one_line(own: View) -> None:
    with pytest.raises(SearchError, match="--trial: own has no trial 5"):
        replay(own, 5)
    own.history.trials[1].segments.append(Segment(1, {"x": 0.5}, 0))
    with pytest.raises(SearchError, match="went on with the weights of trial 0"):
        replay(own, 1)
    file = Path(own.launch.details["base"]) / "own.py"
    file.write_text(FUNCTION.replace("config", "1 / 0 + config", 2).replace("1 / 0 + ", "", 1))
    with pytest.raises(SearchError, match="trial 0 fails when it is trained again, after epoch 0"):
        replay(own, 0)


def test_a_training_function_has_no_model(own: View) -> None:
    home = Home(Path(own.launch.details["base"]))
    for use in (
        lambda: model_of(own, home),
        lambda: load("own", home=home.root),
        lambda: testpart.evaluate_test_part(own, home),
    ):
        with pytest.raises(NoModelError, match="keeps its own models"):
            use()
    assert run(["test", "own", "--home", str(home.root)]) == 3
