"""``TuneSearchCV``: a hyperparameter search with scikit-learn's manners, its folds as lanes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, indexable

from lanewise.estimators import lanes
from lanewise.estimators.lanes import Trained
from lanewise.estimators.network import Build, Classifier, Network, Regressor
from lanewise.estimators.results import Candidate, cv_results
from lanewise.estimators.rows import Folds
from lanewise.estimators.scoring import MEASURED, SINGLE, Judge, Scoring, scorer_of
from lanewise.estimators.space import grids_of, is_grid, read_space
from lanewise.search.core.events import Failure
from lanewise.search.core.history import Trial
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.states import RUNNING
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Space
from lanewise.trainables.config import check
from lanewise.trainables.data.table import Array
from lanewise.trainables.data.task import FEW_INTEGERS
from lanewise.trainables.recipe import Recipe

if TYPE_CHECKING:
    from lanewise.verify import Verified

TRIALS = 10  # as many as RandomizedSearchCV tries
LONG = 5.0  # CPU seconds that processes take to start, about


def _predicts_proba(search: TuneSearchCV) -> bool:
    return isinstance(getattr(search, "best_estimator_", search.model), Classifier)


class TuneSearchCV(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A search for the best configuration of a model, cross-validated.

    All folds of a configuration train side by side, and many configurations with them, as lanes of
    one stacked model, in this process or in ``n_jobs`` of them, without Ray. Each is judged after
    every epoch by the mean over its folds, and counts with its best one.

    Args:
        model: a ``Classifier`` or ``Regressor`` with what all trials share, or a model for one:
            a built-in name, ``build(config, info)``, a reference. The target then says which.
        space: name -> list of options (a grid), a frozen distribution of ``scipy.stats`` (uniform,
            loguniform, randint), or a domain such as ``lw.Float``; a list of grids, each of which
            is tried; None for the model's own.
        sampler: "grid", "random", "sobol", "tpe" or another of a sweep file's; None for "grid"
            where the space is lists and ``n_trials`` is None, else "tpe".
        n_trials: how many configurations; None for all of a grid, else 10.
        cv: the number of folds (5 by default; stratified for classes, by group with ``groups``),
            a splitter, or pairs of row numbers.
        n_jobs: processes: None for this one alone, -1 for as many as there are CPUs. Others start
            where this one has trained for five seconds and would train for ten more: they begin
            anew what it has not finished, and stay for the next search.
        scoring: a scorer's name or a callable; None for accuracy or R². What training measures
            itself (accuracy, balanced_accuracy, roc_auc, neg_log_loss, r2, neg_mean_squared_error
            and their like) decides in every epoch. Any other scorer scores each fold's model once,
            at the epoch of the lowest validation loss, and a sampler learns from that loss. Several
            (a list of names, a mapping, a callable that returns one) give each its columns.
        refit: whether the best configuration is trained once more, on all rows, for as many epochs
            as it was best after; or a function of ``cv_results_`` that returns its index. Of
            several scorers the name of the one that decides, on epochs too if training measures it.
        error_score: of the folds of a trial that fails; "raise" raises its error instead.
        random_state: of everything random, the trainings' included.

    Attributes:
        cv_results_: as ``GridSearchCV`` has them; ``epoch`` is the one that the scores are of.
        best_index_, best_params_, best_score_: of the best configuration.
        best_estimator_: it, trained on all rows; refit_time_: the seconds that took.
        scorer_, n_splits_: what was compared by, on how many folds; multimetric_: whether by
            several scorers.
    """

    def __init__(
        self,
        model: str | Build | Network = "mlp",
        space: Mapping[str, Any] | Space | None = None,
        *,
        sampler: str | None = None,
        n_trials: int | None = None,
        cv: Any = None,
        n_jobs: int | None = None,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = np.nan,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.space = space
        self.sampler = sampler
        self.n_trials = n_trials
        self.cv = cv
        self.n_jobs = n_jobs
        self.scoring = scoring
        self.refit = refit
        self.error_score = error_score
        self.random_state = random_state

    # -- searching ----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, groups: Any = None, sample_weight: Any = None) -> Self:
        """Searches on the rows of X with the targets y [N].

        Args:
            groups: a value per row; rows of equal value come into one part.
            sample_weight: of each row in the loss, [N], as a network's ``fit`` takes it; scores
                do not know it.

        Raises:
            ValueError: a mistake in the arguments, in one line; or every trial failed.
        """
        self._check_error_score()
        X, y, groups = indexable(X, y, groups)
        network = self._network(y)
        found = network.weighted(X, y, sample_weight)
        scoring = Scoring.of(self.scoring, found.task, self.refit)
        folds = self._folds(network, X, y, groups)
        prepared = found.prepared(folds)
        scoring.check(prepared)
        recipe = network._recipe(
            prepared, monitor=scoring.metric, mode=scoring.mode, per_replica=True
        )
        judge = scoring.scorer and Judge(scoring.scorer, network, X, y, folds)
        seed = self._seed(network)
        tried: list[Candidate] = []
        ended: list[Trained] = []
        for spec in self._specs(network, scoring, seed):
            sweep = make_sweep(spec)
            trained = self._train(sweep, recipe, network, judge)
            ended += trained.values()
            tried += [
                _candidate(trial, trained[trial.number], scoring, len(folds))
                for trial in sweep.history
            ]
        self._warn_of_failures(ended, len(folds))
        self._conclude(tried, len(folds))
        if self.refit:
            self._refit(network, X, y, sample_weight, seed)
        return self

    def _network(self, y: Any) -> Network:
        """What all trials share, unfitted."""
        if isinstance(self.model, Network):
            network: Network = clone(self.model)
            return network
        if hasattr(self.model, "fit"):
            name = type(self.model).__name__
            raise ValueError(f"model: {name} is not one of ours (lw.Classifier, lw.Regressor)")
        return Regressor(self.model) if self._is_regression(y) else Classifier(self.model)

    def _is_regression(self, y: Any) -> bool:
        if isinstance(self.scoring, str) and self.scoring in MEASURED:
            return MEASURED[self.scoring].tasks == ("regression",)
        if y is None:
            return False
        is_number = np.asarray(y).dtype.kind in "iuf"
        return type_of_target(y) == "continuous" or (is_number and len(np.unique(y)) > FEW_INTEGERS)

    def _folds(
        self, network: Network, X: Any, y: Any, groups: Any, fresh: int | None = None
    ) -> Folds:
        """The parts of each fold.

        Args:
            fresh: the seed of other folds, where their number is given and no splitter.
        """
        cv = self.cv
        if cv is None or isinstance(cv, int):
            cv = 5 if cv is None else cv
            more = {} if fresh is None else {"shuffle": True, "random_state": fresh % 2**32}
            if groups is not None:
                cv = GroupKFold(cv, **more)
            elif more:
                cv = (StratifiedKFold if is_classifier(network) else KFold)(cv, **more)
        splitter = check_cv(cv, y, classifier=is_classifier(network))
        folds = [(_numbers(a), _numbers(b)) for a, b in splitter.split(X, y, groups)]
        if not folds:
            raise ValueError("cv: gives no folds; give 2 or more, or pairs of row numbers")
        return folds

    def _specs(self, network: Network, scoring: Scoring, seed: int) -> list[Spec]:
        """One; of a list of grids one for each."""
        spaces = grids_of(self.space)
        for given, name, allowed in (
            (self.n_trials, "n_trials", None),
            (self.sampler, "sampler", "grid"),
        ):
            if len(spaces) > 1 and given not in (None, allowed):
                raise ValueError(f"{name}: {given!r} is not allowed with a list of grids (None)")
        return [self._spec(space, network, scoring, seed) for space in spaces]

    def _spec(self, given: Any, network: Network, scoring: Scoring, seed: int) -> Spec:
        own = network._get_param_names()
        fixed = network._config()
        space = read_space(given, model=network.model, fixed=fixed, own=own)
        trials = self.n_trials
        sampler = self.sampler
        for _, config in space.probes():
            check(network.model if isinstance(network.model, str) else None, config, "space")
        if sampler is None:
            sampler = "grid" if trials is None and is_grid(given) else "tpe"
        if trials is None:
            trials = space.grid_size if sampler == "grid" else TRIALS
        if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
            raise ValueError(f"n_trials: {trials!r} is not allowed (a whole number ≥ 1, or None)")
        return Spec(
            space=space,
            objectives=(Objective(scoring.metric, scoring.mode),),
            budget=Budget(epochs=network.last_epoch, trials=trials),
            sampler=Plugin(sampler),
            seed=seed,
        )

    def _train(
        self, sweep: Sweep, recipe: Recipe, network: Network, judge: Judge | None
    ) -> dict[int, Trained]:
        """By number. A sampler that learns sees results after each quarter of the trials."""
        fixed, trials = network._config(), sweep.spec.budget.trials or 1
        recipe = replace(recipe, fixed=fixed)
        at_once = max(1, trials // 4) if sweep.sampler.is_adaptive else trials
        found: dict[int, Trained] = {}
        while isinstance(runs := sweep.ask_batch(at_once), list):
            for trained in self._trained(recipe, runs, judge):
                if trained.error is not None and self.error_score == "raise":
                    raise trained.error
                found[trained.number] = trained
                _report(sweep, trained)
        return found

    def _trained(self, recipe: Recipe, runs: list[Run], judge: Judge | None) -> list[Trained]:
        count = min(effective_n_jobs(self.n_jobs), len(runs))
        if count <= 1:
            return lanes.train(recipe, runs, judge)
        found, left = lanes.train_or_leave(recipe, runs, judge, LONG)
        if not left:
            return found
        shares = [share for first in range(count) if (share := left[first::count])]
        each = Parallel(n_jobs=count)(delayed(lanes.train)(recipe, s, judge) for s in shares)
        return found + [trained for share in each for trained in share]

    # -- what was found -----------------------------------------------------------------------

    def _conclude(self, tried: Sequence[Candidate], folds: int) -> None:
        self.n_splits_ = folds
        missing = np.nan if self.error_score == "raise" else float(self.error_score)
        self.cv_results_ = cv_results(tried, folds, missing)
        self.multimetric_ = f"mean_test_{SINGLE}" not in self.cv_results_
        by = self.refit if self.multimetric_ else SINGLE
        if callable(self.refit):
            self.best_index_ = int(self.refit(self.cv_results_))
        elif by is False:
            return
        elif f"rank_test_{by}" not in self.cv_results_:
            raise ValueError(f"refit: {by!r} is none of the scorers that scoring gave")
        else:
            self.best_index_ = int(self.cv_results_[f"rank_test_{by}"].argmin())
            self.best_score_ = float(self.cv_results_[f"mean_test_{by}"][self.best_index_])
        self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _warn_of_failures(self, trained: Sequence[Trained], folds: int) -> None:
        errors = [each.error for each in trained if each.error is not None]
        if not errors:
            return
        first = f"{type(errors[0]).__name__}: {errors[0]}"
        message = f"{len(errors)} of {len(trained)} configurations failed, such as by {first}"
        if len(errors) == len(trained):
            raise ValueError(f"All the {len(trained) * folds} fits failed: {message}")
        warnings.warn(
            f"{message}; their scores are {self.error_score}", FitFailedWarning, stacklevel=3
        )

    def _refit(self, network: Network, X: Any, y: Any, sample_weight: Any, seed: int) -> None:
        best = clone(network).set_params(**deepcopy(self.best_params_))
        if best.random_state is None:
            best.set_params(random_state=seed)
        epoch = int(self.cv_results_["epoch"][self.best_index_])
        best.set_params(stop_after=epoch)
        began = time.monotonic()
        self.best_estimator_ = best.fit(X, y, sample_weight)
        self.refit_time_ = time.monotonic() - began
        self.scorer_ = scorer_of(best, self.scoring)
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_

    # -- making sure --------------------------------------------------------------------------

    def verify(
        self,
        X: Any,
        y: Any,
        *,
        top: int = 10,
        seeds: int = 5,
        groups: Any = None,
        sample_weight: Any = None,
    ) -> Verified:
        """The best ``top`` configurations trained again, each with fresh seeds on fresh folds.

        Each is scored after as many epochs as it was best after in the search, so that nothing is
        chosen again. The search stays what it is. X, y, groups, sample_weight: as ``fit`` got them.

        Returns:
            ``.best`` has the highest mean, ``.tied`` the indices of those that may be as good,
            ``.candidates`` all: ``.trial`` is the index in ``cv_results_``, ``.naive`` the
            search's score and ``.again`` the mean, its spread and ``interval()``.

        Raises:
            ValueError: fewer configurations have a score; or all trainings failed.
        """
        from lanewise.estimators import again

        check_is_fitted(self, "cv_results_")
        by = self.refit if self.multimetric_ and isinstance(self.refit, str) else SINGLE
        if f"rank_test_{by}" not in self.cv_results_:
            raise ValueError("verify: refit names none of the scorers, by which to verify")
        X, y, groups = indexable(X, y, groups)
        network = self._network(y)
        found = network.weighted(X, y, sample_weight)
        scoring = Scoring.of(self.scoring, found.task, self.refit)
        seed = self._seed(network) + 1
        folds = self._folds(network, X, y, groups, fresh=seed)
        recipe = replace(
            network._recipe(found.prepared(folds), monitor=scoring.metric, mode=scoring.mode),
            seeds=seeds,
            fixed=network._config(),
        )
        judge = scoring.scorer and Judge(scoring.scorer, network, X, y, folds, seeds)
        best = again.candidates(self.cv_results_, by, top)
        runs = again.runs(self.cv_results_, best, seed, network.last_epoch if judge else None)
        trained = self._trained(recipe, runs, judge)
        return again.verified(self.cv_results_, best, trained, scoring, by, len(folds), seeds)

    # -- the best one -------------------------------------------------------------------------

    def _best(self, what: str) -> Any:
        check_is_fitted(self, "cv_results_")
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(f"{what} needs the best configuration trained: set refit=True")
        return self.best_estimator_

    def predict(self, X: Any) -> Array:
        """What the best configuration predicts [N]."""
        return np.asarray(self._best("predict").predict(X))

    @available_if(_predicts_proba)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class [N, classes], in the order of ``classes_``."""
        return np.asarray(self._best("predict_proba").predict_proba(X))

    def score(self, X: Any, y: Any = None) -> float:
        """The best configuration's score on these rows, by ``scoring`` (of several: ``refit``)."""
        best, scorer = self._best("score"), self.scorer_
        if self.multimetric_ and not isinstance(self.refit, str):
            raise ValueError("score: refit names none of the scorers")
        found = scorer[self.refit](best, X, y) if isinstance(scorer, dict) else scorer(best, X, y)
        return float(found[self.refit] if isinstance(found, Mapping) else found)

    @property
    def classes_(self) -> Array:
        """The labels, sorted."""
        return np.asarray(self._best("classes_").classes_)

    @property
    def n_features_in_(self) -> int:
        """The number of features of X."""
        return int(self._best("n_features_in_").n_features_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cv_results_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        network = getattr(self, "best_estimator_", self.model)
        given = get_tags(network if isinstance(network, Network) else Classifier())
        tags.target_tags = deepcopy(given.target_tags)
        tags.input_tags = deepcopy(given.input_tags)
        if isinstance(network, Network):
            tags.estimator_type = given.estimator_type
            tags.classifier_tags = deepcopy(given.classifier_tags)
            tags.regressor_tags = deepcopy(given.regressor_tags)
        return tags

    # -- arguments ----------------------------------------------------------------------------

    def _seed(self, network: Network) -> int:
        """Its own, else its network's."""
        given = network.random_state if self.random_state is None else self.random_state
        return int(check_random_state(given).randint(2**31 - 1))

    def _check_error_score(self) -> None:
        given = self.error_score
        if given != "raise" and (isinstance(given, bool) or not isinstance(given, int | float)):
            raise ValueError(f"error_score: {given!r} is not allowed (a number, or 'raise')")


def _numbers(rows: Any) -> Array:
    """Row numbers, also of a mask."""
    found = np.asarray(rows)
    return np.flatnonzero(found) if found.dtype == bool else found


def _report(sweep: Sweep, trained: Trained) -> None:
    """Tells the sweep what became of a trial; one that ended early has completed."""
    error = trained.error
    failure = None if error is None else Failure("bug", f"{type(error).__name__}: {error}")
    sweep.report(trained.number, trained.rows, failure)
    if sweep.history.trials[trained.number].status == RUNNING:
        sweep.complete(trained.number)


def _candidate(trial: Trial, trained: Trained, scoring: Scoring, folds: int) -> Candidate:
    scores: dict[str, list[float]] = {}
    epoch = 0
    if trained.error is None and trial.best is not None:
        epoch, metrics = trial.best[0], trial.best_metrics
        measured = [metrics[f"{scoring.metric}_{fold}"] for fold in range(folds)]
        scores = {SINGLE: [scoring.sign * value for value in measured]}
        if trained.scores:
            scores = {name: [each[name] for each in trained.scores] for name in trained.scores[0]}
    seconds = trained.seconds / folds, trained.scored_in / folds
    return Candidate(trial.params, scores, epoch, *seconds)
