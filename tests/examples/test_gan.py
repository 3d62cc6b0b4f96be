"""examples/gan.yaml: a few trials; what it says of the best model, as a bar; tables and images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import Lanewise

Summary = Callable[..., dict[str, Any]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "gan.yaml"

OF_A_TABLE = """
name: customers
data: {source: "csv:customers.csv"}
model: {gan: {latent: 4}}
objective: {minimize: val_wasserstein}
metrics: [val_two_sample]
space:
  lr: {float: [1e-3, 1e-2], log: true}
  game: {choice: [standard, {wasserstein: {penalty: {float: [1, 10]}}}]}
  critic_optimizer: {choice: [null, rmsprop]}
sampler: random
budget: {trials: 2, epochs: 2}
executor: inline
report: false
"""
OF_IMAGES = """
name: pictures
data: {source: "sklearn:digits", shape: [1, 8, 8]}
model: {gan: {network: conv, hidden: [16, 8], critic_hidden: [8, 16], norm: batch}}
objective: {minimize: val_two_sample}
space:
  lr: {float: [1e-3, 1e-2], log: true}
  game: {choice: [hinge, {standard: {r1: {float: [0.01, 1.0], log: true}}}]}
sampler: random
budget: {trials: 2, epochs: 2}
executor: inline
report: false
"""


def best_of(summary: dict[str, Any], home: Path) -> Any:
    import lanewise as lw

    return lw.load(summary["sweep"], home=home)


@pytest.mark.long
def test_a_few_trials(lanewise: Lanewise, summary_of: Summary) -> None:
    summary = summary_of("gan", "budget.trials=3", "budget.epochs=18", "executor=inline")
    assert summary["best"]["metrics"]["val_two_sample"] <= 0.85
    assert summary["best"]["metrics"]["val_recall"] >= 0.5
    found = best_of(summary, lanewise.home).sample(5)
    assert found.shape == (5, 2)
    assert "model.sample(1000)" in Path(summary["report"]).read_text(encoding="utf-8")


@pytest.mark.long
def test_a_table_with_a_category(lanewise: Lanewise, summary_of: Summary) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal():.3f},{'red' if rng.random() < 0.3 else 'blue'}" for _ in range(300)]
    lanewise.write("customers.csv", "\n".join(["size,colour", *lines]))
    lanewise.write("sweep.yaml", OF_A_TABLE)
    summary = summary_of(lanewise.folder / "sweep.yaml")
    found = best_of(summary, lanewise.home).sample(50)
    assert list(found.columns) == ["size", "colour"]
    assert set(found["colour"]) <= {"red", "blue"}


@pytest.mark.long
def test_images(lanewise: Lanewise, summary_of: Summary) -> None:
    lanewise.write("sweep.yaml", OF_IMAGES)
    summary = summary_of(lanewise.folder / "sweep.yaml")
    assert best_of(summary, lanewise.home).sample(3).shape == (3, 1, 8, 8)


@pytest.mark.night
@pytest.mark.timeout(900)
def test_a_classifier_hardly_tells_its_points_from_real_ones(
    lanewise: Lanewise, summary_of: Summary
) -> None:
    summary = summary_of("gan")
    assert summary["best"]["metrics"]["val_two_sample"] <= 0.75
    assert summary["best"]["metrics"]["val_recall"] >= 0.6
    model = best_of(summary, lanewise.home)
    from lanewise import sweepfile
    from lanewise.plan import make_plan

    test = make_plan(sweepfile.read(EXAMPLE), EXAMPLE.parent).prepared.test
    assert model.score(test, ("two_sample",))["two_sample"] <= 0.75
    assert share_of_a_forest(test.x_ND, model.sample(len(test), seed=5).to_numpy()) <= 0.75


def share_of_a_forest(real: np.ndarray, made: np.ndarray) -> float:
    """How often another classifier is right: the bar is not one of nearest neighbours alone."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score

    x, y = np.concatenate([real, made]), np.repeat([0, 1], [len(real), len(made)])
    forest = RandomForestClassifier(200, min_samples_leaf=5, random_state=0)
    return float(cross_val_score(forest, x, y, cv=5).mean())
