"""`lw.tune` and what it returns."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import environment

import lanewise as lw
from lanewise.plan import plan_again
from lanewise.search.errors import SearchError
from lanewise.trainables.errors import ModelError

# What Python and MLflow's process leave to the end of the process.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def rows(count: int = 300) -> tuple[Any, Any]:
    """Two features; the class is the sign of their product."""
    X = np.random.default_rng(0).normal(size=(count, 2))
    return X, np.where(X[:, 0] * X[:, 1] > 0, "same", "other")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lw.Result:
    return lw.tune(
        model="mlp",
        data=rows(),
        space={
            "hidden": lw.Repeat(lw.Int(8, 32), times=(1, 2)),
            "lr": lw.Float(1e-3, 1e-1, log=True),
            "optimizer": lw.Choice(["adam", {"sgd": {"momentum": lw.Float(0.5, 0.99)}}]),
            "batch_size": 32,
        },
        maximize="val_accuracy",
        trials=6,
        epochs=27,
        sampler="random",
        executor="inline",
        metrics=["train_accuracy"],
        home=tmp_path_factory.mktemp("home"),
        report=False,
        progress=False,
    )


def test_a_call_runs_a_whole_sweep(result: lw.Result) -> None:
    assert result.status == "done"
    assert result.summary["trials"]["asked"] == 6
    assert result.best.params["batch_size"] == 32
    assert result.best.metrics["val_accuracy"] > 0.8
    assert "train_accuracy" in result.best.metrics


def test_the_best_model_reproduces_its_metrics_and_predicts(result: lw.Result) -> None:
    model = result.best.model
    with result._view() as view:
        recipe = plan_again(view).recipe()
    measured = replace(model, recipe=recipe).evaluate()
    for name, value in measured.items():
        assert value == pytest.approx(result.best.metrics[name], abs=1e-6)
    X, y = rows()
    assert np.mean(model.predict(X) == y) > 0.8


def test_the_best_model_needs_no_data(result: lw.Result, tmp_path: Path) -> None:
    """Nor does any other trial's that has a checkpoint."""
    home, (X, _) = result._home, rows()
    right = result.best.model.predict_proba(X)
    other = next(t["trial"] for t in result.history if t["trial"] != result.best.trial)
    home.data.rename(home.root / "away")
    try:
        model = result.best.model
        assert np.array_equal(lw.load(result.sweep, home=home.root).predict_proba(X), right)
        assert lw.load("sweep", home=home.root, trial=other).origin.trial == other
    finally:
        (home.root / "away").rename(home.data)
    model.save(tmp_path / "bundle")
    again = lw.load(tmp_path / "bundle")
    assert np.array_equal(again.predict_proba(X), right)
    assert (again.origin.sweep, again.origin.trial) == (result.sweep, result.best.trial)
    assert again.origin.data is not None
    assert again.origin.data["rows"] == 300
    with pytest.raises(SearchError, match="--trial: sweep has no trial 99"):
        lw.load(result.sweep, home=home.root, trial=99)


def test_a_model_of_a_function_without_a_name_is_loaded_by_giving_it(tmp_path: Path) -> None:
    def build(config: Any, info: Any) -> Any:
        from torch import nn

        return nn.Linear(2, info.outputs)

    shared = {"executor": "inline", "home": tmp_path, "report": False, "progress": False}
    more = {"space": {"lr": 0.1}, "maximize": "val_accuracy", "trials": 1, "epochs": 1}
    result = lw.tune(model=build, data=rows(60), **shared, **more)
    right = result.best.model.predict(rows()[0])
    with pytest.raises(ModelError, match=r"without a name built it; give one: lw.load\('build'"):
        lw.load("build", home=tmp_path)
    given = lw.load("build", home=tmp_path, model=build)
    assert given.predict(rows()[0]).tolist() == right.tolist()
    given.save(tmp_path / "bundle")
    with pytest.raises(ModelError, match="without a name built it"):
        lw.load(tmp_path / "bundle")
    again = lw.load(tmp_path / "bundle", model=build)
    assert again.predict(rows()[0]).tolist() == right.tolist()


def test_a_frame_has_a_row_per_trial(result: lw.Result) -> None:
    frame = result.to_frame()
    assert len(frame) == 6
    assert {"status", "epochs", "params.lr", "metrics.val_accuracy"} <= set(frame.columns)
    best = frame.loc[result.best.trial]
    assert best["metrics.val_accuracy"] == frame["metrics.val_accuracy"].max()


def test_a_resume_of_a_finished_sweep_returns_it(result: lw.Result) -> None:
    again = lw.resume(result.sweep, home=result._home.root, progress=False)
    assert again.best.params == result.best.params


def test_replicas_report_mean_and_spread(tmp_path: Path) -> None:
    result = lw.tune(
        model={"mlp": {"hidden": [16]}},
        data=rows(150),
        space={"lr": lw.Float(1e-3, 1e-1, log=True)},
        maximize="val_accuracy",
        trials=2,
        epochs=3,
        folds=3,
        seeds=2,
        executor="inline",
        home=tmp_path,
        report=False,
        progress=False,
    )
    assert "val_accuracy_std" in result.best.metrics
    assert len(result.best.model.modules) == 6


def test_a_sweep_ends_where_seeds_matter_as_much_as_configurations(tmp_path: Path) -> None:
    result = lw.tune(
        model={"mlp": {"hidden": [4], "lr": 0.01}},
        data=rows(60),
        space={"l2": lw.Float(1e-6, 1.1e-6)},
        minimize="val_loss",
        trials=100,
        epochs=1,
        seeds=2,
        budget={"noise": True},
        sampler="random",
        executor="inline",
        home=tmp_path,
        report=False,
        progress=False,
    )
    assert result.status == "done"
    assert 20 <= len(result.history) <= 40


SCRIPT = """
import lanewise as lw

def train(config, report):
    for epoch in range(1, 4):
        report(epoch, loss=config["x"] ** 2 / epoch)

if __name__ == "__main__":
    result = lw.tune(train=train, space={"x": lw.Float(-1, 1)}, minimize="loss", trials=4,
                     epochs=3, executor="EXECUTOR", home="home", report=False, progress=False)
    print(result.status, result.best.metrics["loss"] == min(t["metrics"]["loss"]
          for t in result.history))
    unnamed = lw.tune(train=lambda config, report: report(1, loss=config["x"]), trials=1,
                      space={"x": lw.Float(0, 1)}, minimize="loss", executor="inline",
                      home="home", report=False, progress=False)
    print(unnamed.status)
"""


@pytest.mark.parametrize("executor", ["inline", pytest.param("tune", marks=pytest.mark.long)])
def test_functions_of_a_script_train(executor: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.replace("EXECUTOR", executor))
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["done", "True", "done"], done.stderr
    assert "this sweep cannot be resumed" in done.stderr  # told for the lambda at its launch


def test_mistakes_are_value_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'sampler'") as caught:
        lw.tune(model="mlp", data="sklearn:iris", maximize="val_accuracy", trials=1, smapler="x")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="log scale needs low > 0"):
        lw.Float(0, 1, log=True)
    with pytest.raises(ValueError, match="give either maximize or minimize"):
        lw.tune(model="mlp", data="sklearn:iris", trials=1, home=tmp_path)


def test_the_public_surface_is_what_is_documented() -> None:
    assert set(lw.__all__) == {
        "Best",
        "Choice",
        "Classifier",
        "Constant",
        "Float",
        "Int",
        "Regressor",
        "Repeat",
        "Result",
        "Space",
        "TuneSearchCV",
        "load",
        "resume",
        "tune",
    }
    for name in lw.__all__:
        assert getattr(lw, name).__doc__
