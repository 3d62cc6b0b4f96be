"""`reshuffle: true`: each trial has training and validation rows of its own."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

import lanewise as lw
from lanewise.dashboards.runs import data_tags
from lanewise.errors import SweepFileError
from lanewise.plan import plan_again
from lanewise.replaying import EQUAL, replay
from lanewise.search.core.seeds import trial_seed

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SWEEP = {
    "model": "mlp",
    "data": {"source": "sklearn:iris", "split": [0.5, 0.3, 0.2]},
    "space": {"lr": lw.Float(1e-3, 1e-1, log=True)},
    "maximize": "val_accuracy",
    "trials": 4,
    "epochs": 3,
    "executor": "inline",
    "sampler": "random",
    "progress": False,
    "report": False,
}


@pytest.fixture(scope="module")
def result(tmp_path_factory, migrated):
    home = tmp_path_factory.mktemp("home")
    shutil.copy(migrated, home / "mlflow.db")
    return lw.tune(**SWEEP, reshuffle=True, home=home)


def test_the_best_model_reproduces_its_metrics_on_the_rows_that_it_had(result):
    best = result.best
    with result._view() as view:
        model = replace(best.model, recipe=plan_again(view).recipe())
    assert model.evaluate()["val_accuracy"] == pytest.approx(best.metrics["val_accuracy"])


def test_trials_have_splits_of_their_own_and_are_replayed_with_them(result):
    with result._view() as view:
        plan = plan_again(view)
        one, other = (plan.recipe().of_trial(trial_seed(0, number)) for number in (0, 1))
        assert not np.array_equal(one.prepared.folds[0].x_val, other.prepared.folds[0].x_val)
        assert len(plan.prepared.test) == 30
        assert [replay(view, number).verdict for number in (0, 1)] == [EQUAL, EQUAL]
        assert data_tags(view.launch)["lanewise.reshuffle"] == "true"


def test_there_is_no_corrected_score_and_the_note_says_why(result):
    assert result.best.corrected is None
    assert result.best.tied == ()
    with result._view() as view:
        told = view.history.notes["correction"]
    assert "each trial has validation rows of its own" in told


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"scheduler": "pbt"}, "pbt copies weights"),
        ({"data": {"source": "sklearn:iris", "order": "petal width (cm)"}}, "follow each other"),
        ({"data": {"source": "sklearn:iris", "validation": "sklearn:iris", "split": [1, 0, 0]}},
         "data.validation has rows"),
        ({"model": None, "data": None, "train": "os:getcwd"}, "brings its own data"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_there_is_one_line(tmp_path, more, words):
    with pytest.raises(SweepFileError, match=f"reshuffle: true is not possible: .*{words}"):
        lw.tune(**{**SWEEP, **more}, reshuffle=True, home=tmp_path)
