"""`Classifier`, `Regressor` and `TuneSearchCV` beside scikit-learn's own searches and tools."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform, norm, randint, uniform
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import lanewise as lw
from lanewise.estimators.space import is_grid, read_space

FAST = {"epochs": 4, "hidden": [16], "lr": 0.05, "batch_size": 16, "random_state": 0}


def rows(count: int = 90, seed: int = 0) -> tuple[Any, Any]:
    """Three features; the class is the sign of the first two's sum."""
    X = np.random.default_rng(seed).normal(size=(count, 3))
    return X, np.where(X[:, 0] + X[:, 1] > 0, "above", "below")


def numbers(count: int = 90) -> tuple[Any, Any]:
    X = np.random.default_rng(1).normal(size=(count, 3))
    return X, 100 + 10 * X[:, 0] - 5 * X[:, 1]


def search(space: Any = None, **settings: Any) -> lw.TuneSearchCV:
    given = {"lr": [0.00001, 0.05]} if space is None else space
    return lw.TuneSearchCV(lw.Classifier(**FAST), given, **{"cv": 3, **settings})


@pytest.fixture(scope="module")
def fitted() -> lw.TuneSearchCV:
    return search().fit(*rows())


# -- one configuration ----------------------------------------------------------------------------


def test_a_classifier_learns_and_gives_labels_back() -> None:
    X, y = rows()
    network = lw.Classifier(**FAST).fit(X, y)
    assert network.score(X, y) > 0.9
    assert network.classes_.tolist() == ["above", "below"]
    assert network.predict_proba(X).sum(1) == pytest.approx(1)
    assert len(network.loss_curve_) == network.n_epochs_ == 4
    assert is_classifier(network)
    assert not is_regressor(network)


def test_a_regressor_predicts_in_the_targets_own_units() -> None:
    X, y = numbers()
    network = lw.Regressor(**{**FAST, "epochs": 20}).fit(X, y)
    assert network.score(X, y) > 0.9
    assert abs(network.predict(X).mean() - 100) < 5


def test_hyperparameters_are_parameters() -> None:
    network = lw.Classifier(lr=0.1, optimizer={"sgd": {"momentum": 0.9}})
    assert network.get_params()["lr"] == 0.1
    assert clone(network.set_params(hidden=[8])).get_params() == network.get_params()
    assert "hidden=[8]" in repr(network)
    with pytest.raises(ValueError, match=r"Invalid parameter 'hiden'.*did you mean 'hidden'"):
        network.set_params(hiden=[8])
    config = network.fit(*rows(30)).model_.config
    assert config["optimizer"]["momentum"] == 0.9


@pytest.mark.parametrize("network", [lw.Classifier, lw.Regressor])
def test_rows_of_weight_zero_do_not_count(network: Any) -> None:
    """The last ones' targets are wrong."""
    X, y = rows(80) if network is lw.Classifier else numbers(80)
    wrong, weights = y.copy(), np.ones(80)
    wrong[40:], weights[40:] = y[:40], 0
    weighted = network(**{**FAST, "epochs": 20}).fit(X, wrong, sample_weight=weights)
    plain = network(**{**FAST, "epochs": 20}).fit(X, wrong)
    assert weighted.score(X, y) > max(0.8, plain.score(X, y))


def test_weights_of_one_change_nothing_alone_or_as_lanes() -> None:
    X, y = rows(40)
    even = np.full(40, 3.0)
    one, other = (lw.Classifier(**FAST).fit(X, y, sample_weight=w) for w in (None, even))
    assert one.predict_proba(X) == pytest.approx(other.predict_proba(X), abs=1e-5)
    plain, weighted = (
        search(cv=2, random_state=0).fit(X, y, sample_weight=w).cv_results_ for w in (None, even)
    )
    assert plain["mean_test_score"] == pytest.approx(weighted["mean_test_score"])


def test_it_stops_after_an_epoch_of_a_longer_schedule() -> None:
    X, y = rows(40)
    whole = lw.Classifier(**FAST, schedule="cosine").fit(X, y)
    part = lw.Classifier(**FAST, schedule="cosine", stop_after=2).fit(X, y)
    assert part.loss_curve_ == whole.loss_curve_[:2]


def test_frames_with_words_and_gaps_train() -> None:
    X, y = rows()
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(word=np.where(X[:, 2] > 0, "x", "y"))
    frame.loc[::7, "a"] = np.nan
    network = lw.Classifier(**FAST).fit(frame, y)
    assert network.feature_names_in_.tolist() == ["a", "b", "c", "word"]
    assert network.score(frame, y) > 0.7
    with pytest.raises(ValueError, match="feature names should match"):
        network.predict(frame[["b", "a", "c", "word"]])


def test_pictures_of_flat_rows_take_a_shape() -> None:
    X = np.random.default_rng(0).normal(size=(24, 64))
    network = lw.Classifier("cnn", epochs=1, channels=[4], shape=[1, 8, 8])
    assert len(network.fit(X, X[:, 0] > 0).predict(X)) == 24


def build(config: dict[str, Any], info: Any) -> nn.Module:
    width = config["width"]
    layers = nn.Linear(*info.input_shape, width), nn.Tanh(), nn.Linear(width, info.outputs)
    return nn.Sequential(*layers)


def test_a_model_of_ones_own_has_hyperparameters_of_its_own() -> None:
    X, y = rows(60)
    network = lw.Classifier(build, epochs=4, lr=0.05, width=4, random_state=0)
    found = lw.TuneSearchCV(network, {"width": [4, 8]}, cv=2).fit(X, y)
    assert found.best_params_["width"] in (4, 8)
    assert found.best_estimator_.model_.module[0].out_features == found.best_params_["width"]


def test_it_is_an_estimator_for_scikit_learns_own_tools() -> None:
    X, y = rows(60)
    network = lw.Classifier(**FAST)
    assert cross_val_score(network, X, y, cv=2).mean() > 0.8
    grid = GridSearchCV(network, {"lr": [0.00001, 0.05]}, cv=2).fit(X, y)
    assert grid.best_params_ == {"lr": 0.05}


# -- a search -------------------------------------------------------------------------------------


def test_a_grid_becomes_ours_by_changing_one_name(fitted: lw.TuneSearchCV) -> None:
    X, y = rows()
    grid = GridSearchCV(lw.Classifier(**FAST), {"lr": [0.00001, 0.05]}, cv=3).fit(X, y)
    assert fitted.best_params_ == grid.best_params_
    assert fitted.best_index_ == grid.best_index_
    assert fitted.n_splits_ == grid.n_splits_ == 3
    assert fitted.best_score_ == pytest.approx(grid.best_score_, abs=0.1)
    theirs, ours = set(grid.cv_results_), set(fitted.cv_results_)
    assert ours == theirs | {"epoch"}
    assert fitted.cv_results_["params"] == grid.cv_results_["params"]
    assert fitted.cv_results_["param_lr"].tolist() == grid.cv_results_["param_lr"].tolist()


def test_results_add_up(fitted: lw.TuneSearchCV) -> None:
    found = fitted.cv_results_
    each = np.array([found[f"split{fold}_test_score"] for fold in range(3)])
    assert found["mean_test_score"] == pytest.approx(each.mean(0))
    assert found["std_test_score"] == pytest.approx(each.std(0))
    assert found["rank_test_score"].tolist() == [2, 1]
    assert fitted.best_score_ == found["mean_test_score"].max()
    assert fitted.best_estimator_.n_epochs_ == found["epoch"][fitted.best_index_]
    assert fitted.best_estimator_.lr == 0.05
    assert pd.DataFrame(found).shape[0] == 2


def test_the_best_one_predicts(fitted: lw.TuneSearchCV) -> None:
    X, y = rows(seed=5)
    assert fitted.score(X, y) == accuracy_score(y, fitted.predict(X)) > 0.8
    assert fitted.predict_proba(X).shape == (90, 2)
    assert fitted.classes_.tolist() == ["above", "below"]
    assert fitted.n_features_in_ == 3


def test_folds_are_the_rows_that_a_splitter_says() -> None:
    X, y = rows(60)
    seen = []

    def scorer(estimator: Any, X: Any, y: Any) -> float:
        seen.append(X)
        return accuracy_score(y, estimator.predict(X))

    splitter = StratifiedKFold(3, shuffle=True, random_state=1)
    search(cv=splitter, scoring=scorer, refit=False).fit(X, y)
    for part, (_, rows_of_fold) in zip(seen[:3], splitter.split(X, y), strict=True):
        assert part == pytest.approx(X[rows_of_fold])


def test_a_metric_of_training_is_what_its_scorer_says_of_each_fold() -> None:
    """After the only epoch there is."""
    X, y = rows(60)
    one = {"space": {"lr": [0.01, 0.05]}, "refit": False, "random_state": 0}
    network = lw.Classifier(**{**FAST, "epochs": 1})
    named = lw.TuneSearchCV(network, scoring="accuracy", **one).fit(X, y)
    called = lw.TuneSearchCV(network, scoring=make_scorer(accuracy_score), **one).fit(X, y)
    for fold in range(5):
        column = f"split{fold}_test_score"
        assert named.cv_results_[column] == pytest.approx(called.cv_results_[column])


def test_errors_of_numbers_are_in_the_targets_own_units() -> None:
    X, y = numbers(60)
    network = lw.Regressor(**{**FAST, "epochs": 1})
    one = {"space": {"lr": [0.05]}, "cv": 2, "refit": False}
    found = {
        name: lw.TuneSearchCV(network, scoring=name, **one).fit(X, y).cv_results_
        for name in ("neg_mean_absolute_error", "neg_median_absolute_error")
    }
    measured, scored = (float(each["mean_test_score"][0]) for each in found.values())
    assert measured < 0
    assert measured == pytest.approx(scored, rel=0.5)


def test_the_target_says_which_network_a_name_is_for() -> None:
    one = {"space": {"hidden": [[8]]}, "cv": 2, "refit": False}
    assert "epoch" in lw.TuneSearchCV("mlp", **one).fit(*rows(40)).cv_results_
    found = lw.TuneSearchCV("mlp", **one, scoring="r2").fit(*numbers(40)).cv_results_
    assert found["mean_test_score"][0] <= 1


def test_groups_stay_together() -> None:
    X, y = rows(60)
    groups = np.arange(60) // 5
    given = search(cv=3, refit=False, random_state=0).fit(X, y, groups=groups).cv_results_
    folds = list(GroupKFold(3).split(X, y, groups))
    by_hand = search(cv=folds, refit=False, random_state=0).fit(X, y).cv_results_
    assert given["split2_test_score"] == pytest.approx(by_hand["split2_test_score"])


def test_it_ends_a_pipeline(fitted: lw.TuneSearchCV) -> None:
    X, y = rows()
    pipeline = make_pipeline(StandardScaler(), clone(fitted)).fit(X, y)
    assert pipeline.score(X, y) > 0.8
    assert clone(fitted).get_params()["space"] == {"lr": [0.00001, 0.05]}


def test_what_is_fitted_can_be_pickled(fitted: lw.TuneSearchCV) -> None:
    X, _ = rows()
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301  (our own bytes)
    assert again.predict_proba(X) == pytest.approx(fitted.predict_proba(X))


def test_the_same_seed_gives_the_same_search() -> None:
    X, y = rows(40)
    space = {"lr": loguniform(1e-3, 1e-1), "hidden": [[4], [8]]}
    one, other = (
        search(space, n_trials=4, cv=2, random_state=3, refit=False).fit(X, y).cv_results_
        for _ in range(2)
    )
    assert one["params"] == other["params"]
    assert one["mean_test_score"] == pytest.approx(other["mean_test_score"])


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    search(scoring="f1_weighted", cv=2).fit(*rows(30))
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_processes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """They train all: the first moment is too long for this process."""
    monkeypatch.setattr("lanewise.estimators.search.LONG", 0.0)
    X, y = rows(60)
    one, two = (search(n_jobs=n, random_state=0).fit(X, y).cv_results_ for n in (1, 2))
    assert one["params"] == two["params"]
    assert one["mean_test_score"] == pytest.approx(two["mean_test_score"], abs=1e-3)


# -- spaces ---------------------------------------------------------------------------------------


def test_spaces_are_read_as_scikit_learns_searches_have_them() -> None:
    given = {
        "lr": loguniform(1e-4, 1e-1),
        "dropout": uniform(0.1, 0.3),
        "batch_size": randint(8, 65),
        "hidden": [[16], [32, 16]],
        "l2": np.array([0.0, 0.5]),
        "optimizer": ["adam", {"name": "sgd", "momentum": 0.9}],
        "noise": 0.1,
        "clip_norm": lw.Float(0.1, 1),
    }
    found = read_space(given, model="mlp", fixed=(), own=("epochs",)).to_json()
    assert found["lr"] == {"float": [1e-4, 1e-1], "log": True}
    assert found["dropout"] == {"float": [0.1, pytest.approx(0.4)]}
    assert found["batch_size"] == {"int": [8, 64]}
    assert found["hidden"] == {"choice": [[16], [32, 16]]}
    assert found["l2"] == {"choice": [0.0, 0.5]}
    assert found["optimizer"] == {"choice": [{"adam": {}}, {"sgd": {"momentum": 0.9}}]}
    assert found["noise"] == 0.1
    assert not is_grid(given)
    assert is_grid({"lr": [1, 2], "hidden": [[4]]})


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"lr": norm(0, 1)}, "space.lr: the distribution 'norm' has no domain"),
        ({"epochs": [5, 10]}, "space.epochs: is the same for all trials"),
        ([{"lr": [1]}, {"lr": norm(0, 1)}], "space.1: is no grid"),
        ([], "space: is an empty list"),
        ({"hiden": [[8]]}, "space.hiden: mlp has no hyperparameter"),
        ({"lr": [0.1, -1.0]}, "space.lr: -1.0 is not allowed"),
        ({"lr": []}, "space.lr: choice has no options"),
    ],
)
def test_bad_spaces_get_a_line(space: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        search(space).fit(*rows(30))
    assert "\n" not in str(caught.value)


# -- several grids, several scorers, the best again ------------------------------------------------


def test_a_list_of_grids_is_each_of_them() -> None:
    found = search([{"lr": [0.01, 0.05]}, {"l2": [1e-4], "lr": [0.02]}], cv=2).fit(*rows(40))
    results = found.cv_results_
    assert results["params"] == [{"lr": 0.01}, {"lr": 0.05}, {"l2": 1e-4, "lr": 0.02}]
    assert results["param_l2"].mask.tolist() == [True, True, False]
    assert sorted(results["rank_test_score"])[0] == 1
    assert found.best_params_ in results["params"]


def test_several_scorers_have_columns_each_and_refit_names_the_one_that_decides() -> None:
    X, y = rows(60)
    given = {"area": "roc_auc", "right": make_scorer(accuracy_score)}
    found = search({"lr": [0.001, 0.05]}, cv=2, scoring=given, refit="area").fit(X, y)
    results = found.cv_results_
    assert found.multimetric_
    assert {"mean_test_area", "split1_test_right", "rank_test_right"} <= set(results)
    assert "mean_test_score" not in results
    assert found.best_index_ == results["rank_test_area"].argmin()
    assert found.best_score_ == results["mean_test_area"].max()
    assert set(found.scorer_) == {"area", "right"}
    assert 0.5 < found.score(X, y) <= 1
    alone = search({"lr": [0.001, 0.05]}, cv=2, scoring="roc_auc").fit(X, y)
    assert alone.cv_results_["epoch"].tolist() == results["epoch"].tolist()
    assert alone.cv_results_["mean_test_score"] == pytest.approx(results["mean_test_area"])


def test_a_callable_may_give_several_scores() -> None:
    def both(estimator: Any, X: Any, y: Any) -> dict[str, float]:
        return {"right": accuracy_score(y, estimator.predict(X)), "rows": float(len(X))}

    found = search({"lr": [0.01]}, cv=2, scoring=both, refit="right").fit(*rows(40))
    assert found.cv_results_["mean_test_rows"].tolist() == [20.0]
    without = search({"lr": [0.01]}, cv=2, scoring=both, refit=False).fit(*rows(40))
    assert not hasattr(without, "best_index_")
    with pytest.raises(ValueError, match="refit: 'wrong' is none of the scorers"):
        search({"lr": [0.01]}, cv=2, scoring=both, refit="wrong").fit(*rows(40))


@pytest.mark.parametrize("scoring", [None, "f1_weighted", ["accuracy", "f1_weighted"]])
def test_the_best_are_verified_with_fresh_seeds_and_folds(scoring: Any) -> None:
    X, y = rows(60)
    refit = "accuracy" if isinstance(scoring, list) else True
    found = search({"lr": [1e-6, 0.02, 0.05]}, cv=2, scoring=scoring, refit=refit).fit(X, y)
    verified = found.verify(X, y, top=2, seeds=3)
    assert [each.again.count for each in verified.candidates] == [6, 6]
    assert verified.best.again.mean >= verified.candidates[1].again.mean
    assert verified.best.trial in verified.tied
    by = "accuracy" if isinstance(scoring, list) else "score"
    column = found.cv_results_[f"mean_test_{by}"]
    assert all(each.naive == column[each.trial] for each in verified.candidates)
    low, high = verified.best.again.interval()
    assert low <= verified.best.again.mean <= high
    with pytest.raises(ValueError, match=r"top: 4 is not allowed \(1 to 3 config"):
        found.verify(X, y, top=4)


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_trials": 0}, "n_trials: 0 is not allowed"),
        ({"error_score": "nan"}, "error_score: 'nan' is not allowed"),
        ({"scoring": ["accuracy", "f1"]}, "refit: True is not allowed with several scorers"),
        ({"scoring": []}, "scoring: names no scorer"),
        ({"space": [{"lr": [0.1]}, {"l2": [0.1]}], "n_trials": 5}, "n_trials: 5 is not allowed"),
        ({"scoring": "acuracy"}, "acuracy"),
        ({"sampler": "grdi"}, "grdi"),
        ({"cv": 1}, "n_splits=1"),
    ],
)
def test_bad_arguments_get_a_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(**settings).fit(*rows(30))


def test_bad_models_get_a_line() -> None:
    X, y = rows(30)
    with pytest.raises(ValueError, match="'gan' is not for binary"):
        lw.Classifier("gan").fit(X, y)
    with pytest.raises(ValueError, match=r"'mpl' is not a model.*did you mean 'mlp'"):
        lw.Classifier("mpl").fit(X, y)
    with pytest.raises(ValueError, match="StandardScaler is not one of ours"):
        lw.TuneSearchCV(StandardScaler(), {}).fit(X, y)
    with pytest.raises(ValueError, match="epochs: 0 is not allowed"):
        lw.Classifier(epochs=0).fit(X, y)
    with pytest.raises(NotFittedError):
        lw.TuneSearchCV().predict(X)


def test_folds_without_a_value_of_the_metric_get_a_line() -> None:
    X, y = rows(30)
    by_class = [(np.arange(30), np.flatnonzero(y == label)) for label in ("above", "below")]
    with pytest.raises(ValueError, match="scoring: val_roc_auc is not defined on") as caught:
        search(cv=by_class, scoring="roc_auc").fit(X, y)
    assert "\n" not in str(caught.value)


def test_the_ready_made_space_leaves_out_what_the_network_sets() -> None:
    found = lw.TuneSearchCV(lw.Classifier(**FAST), n_trials=2, cv=2, refit=False).fit(*rows(30))
    assert {"dropout", "optimizer"} <= set(found.best_params_)
    assert not {"hidden", "lr", "batch_size"} & set(found.best_params_)


def fragile(config: dict[str, Any], info: Any) -> nn.Module:
    if config["width"] > 4:
        raise RuntimeError("too wide")
    return build(config, info)


def test_a_configuration_that_fails_gets_the_error_score() -> None:
    X, y = rows(40)
    network = lw.Classifier(fragile, epochs=1, random_state=0)
    space = {"width": [4, 8]}
    with pytest.warns(FitFailedWarning, match=r"1 of 2 configurations failed.*too wide"):
        found = lw.TuneSearchCV(network, space, cv=2).fit(X, y)
    assert np.isnan(found.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert found.cv_results_["rank_test_score"].tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="too wide"):
        lw.TuneSearchCV(network, space, cv=2, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match=r"All the 2 fits failed.*too wide"):
        lw.TuneSearchCV(network, {"width": [8]}, cv=2).fit(X, y)


def test_without_a_refit_there_is_nothing_to_predict_with() -> None:
    X, y = rows(30)
    found = search(refit=False, cv=2).fit(X, y)
    assert found.best_params_ == {"lr": 0.05}
    with pytest.raises(AttributeError, match=r"predict needs the best configuration.*refit=True"):
        found.predict(X)
    chosen = search(refit=lambda results: 0, cv=2).fit(X, y)
    assert chosen.best_params_ == {"lr": 0.00001}
