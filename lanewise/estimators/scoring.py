"""scikit-learn's scorers and our metrics: which of them training measures in every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.metrics import check_scoring, get_scorer
from sklearn.utils import _safe_indexing

from lanewise.estimators.network import Network
from lanewise.estimators.rows import Folds
from lanewise.search.core.spec import Mode
from lanewise.trainables.data.defined import check_defined
from lanewise.trainables.errors import ConfigError, listing
from lanewise.trainables.metrics.names import CLASSIFICATION, DIRECTIONS

if TYPE_CHECKING:
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.data.dataset import Prepared

Scorer = Callable[..., Any]
SINGLE = "score"  # the name of a single scorer, in columns


class Measured(NamedTuple):
    """The metric that a scorer's name stands for, on tasks where both are the same."""

    metric: str
    tasks: tuple[str, ...]


MEASURED = {
    "accuracy": Measured("val_accuracy", CLASSIFICATION),
    "balanced_accuracy": Measured("val_balanced_accuracy", CLASSIFICATION),
    "f1_macro": Measured("val_f1", ("multiclass",)),
    "roc_auc": Measured("val_roc_auc", ("binary",)),
    "roc_auc_ovr": Measured("val_roc_auc", ("multiclass",)),
    "neg_log_loss": Measured("val_log_loss", CLASSIFICATION),
    "r2": Measured("val_r2", ("regression",)),
    "neg_mean_squared_error": Measured("val_mse", ("regression",)),
    "neg_root_mean_squared_error": Measured("val_rmse", ("regression",)),
    "neg_mean_absolute_error": Measured("val_mae", ("regression",)),
}
DEFAULT = {"binary": "accuracy", "multiclass": "accuracy", "regression": "r2"}


@dataclass(frozen=True)
class Scoring:
    """How trials are compared.

    metric: what each epoch is judged by. scorer: by which folds are scored when their trial has
    ended; None where the metric says the same.
    """

    metric: str
    scorer: Scorer | None = None

    @classmethod
    def of(cls, scoring: Any, task: str, refit: Any) -> Scoring:
        """For a scorer's name, a callable, or None for accuracy or R²; or for several scorers.

        Args:
            refit: of several, the name of the one that trials are compared by.

        Raises:
            ValueError: an unknown name; or `refit` names none of several.
        """
        if isinstance(scoring, list | tuple | set | dict):
            return cls._of_several(scoring, task, refit)
        name = DEFAULT[task] if scoring is None else scoring
        if isinstance(name, str):
            measured = MEASURED.get(name)
            if measured and task in measured.tasks:
                return cls(measured.metric)
            return cls("val_loss", get_scorer(name))
        if not callable(name):
            raise ValueError(f"scoring: {name!r} is no scorer (a name, or a callable)")
        return cls("val_loss", name)

    @classmethod
    def _of_several(cls, scoring: Any, task: str, refit: Any) -> Scoring:
        given = dict(scoring) if isinstance(scoring, dict) else {name: name for name in scoring}
        if not given:
            raise ValueError("scoring: names no scorer")
        if not (refit is False or callable(refit) or refit in given):
            allowed = f"{listing(map(str, given))}, a function of cv_results_, or False"
            raise ValueError(f"refit: {refit!r} is not allowed with several scorers ({allowed})")
        scorers = {n: get_scorer(s) if isinstance(s, str) else s for n, s in given.items()}
        judge = given.get(refit) if isinstance(refit, str) else None
        measured = MEASURED.get(judge) if isinstance(judge, str) else None
        metric = measured.metric if measured and task in measured.tasks else "val_loss"
        return cls(metric, Several(scorers))

    def check(self, prepared: Prepared) -> None:
        """Raise ConfigError, at "scoring", where some fold can have no value of the metric."""
        try:
            check_defined(self.metric, (), prepared)
        except ConfigError as error:
            raise ConfigError("scoring", error.message) from None

    @property
    def mode(self) -> Mode:
        """Of the metric."""
        return "max" if DIRECTIONS[self.metric] == "max" else "min"

    @property
    def sign(self) -> float:
        """Of the metric in a score, of which more is better."""
        return 1.0 if self.mode == "max" else -1.0


@dataclass(frozen=True)
class Several:
    """Scorers by name, as one."""

    scorers: Mapping[str, Scorer]

    def __call__(self, estimator: Any, X: Any, y: Any) -> dict[str, float]:
        return {name: float(scorer(estimator, X, y)) for name, scorer in self.scorers.items()}


@dataclass(frozen=True)
class Judge:
    """Scores the model of each fold on the rows that this fold has for validation."""

    scorer: Scorer
    network: Network  # with what it knows of X and y
    X: Any
    y: Any
    folds: Folds
    seeds: int = 1  # models of each fold, beside each other

    def __call__(self, model: TrainedModel) -> tuple[list[dict[str, float]], float]:
        """The scores of each model by name, "score" for a single one, and their seconds."""
        began = time.monotonic()
        pairs = zip(model.modules, model.preprocess, strict=True)
        alone = [replace(model, modules=(m,), preprocess=(p,)) for m, p in pairs]
        scores = [self._score(each, place // self.seeds) for place, each in enumerate(alone)]
        return scores, time.monotonic() - began

    def _score(self, model: TrainedModel, fold: int) -> dict[str, float]:
        rows = self.folds[fold][1]
        fitted = self.network.with_model(model)
        X, y = _safe_indexing(self.X, rows), _safe_indexing(self.y, rows)
        found = self.scorer(fitted, X, y)
        return dict(found) if isinstance(found, Mapping) else {SINGLE: float(found)}


def scorer_of(estimator: Any, scoring: Any) -> Scorer | dict[str, Scorer]:
    """What ``score`` of a search uses; of several scorers, all by name."""
    if isinstance(scoring, list | tuple | set | dict):
        given = dict(scoring) if isinstance(scoring, dict) else {name: name for name in scoring}
        return {name: check_scoring(estimator, one) for name, one in given.items()}
    found: Scorer = check_scoring(estimator, scoring)
    return found
