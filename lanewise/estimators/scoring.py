"""scikit-learn's scorers and our metrics: which of them training measures in every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.metrics import check_scoring, get_scorer
from sklearn.utils import _safe_indexing

from lanewise.estimators.network import Network
from lanewise.estimators.rows import Folds
from lanewise.search.core.spec import Mode
from lanewise.trainables.data.defined import check_defined
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.metrics.names import CLASSIFICATION, DIRECTIONS

if TYPE_CHECKING:
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.data.dataset import Prepared

Scorer = Callable[..., float]


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
    def of(cls, scoring: Any, task: str) -> Scoring:
        """For a scorer's name, a callable, or None for accuracy or R².

        Raises:
            ValueError: an unknown name, or several scorers.
        """
        if isinstance(scoring, list | tuple | set | dict):
            raise ValueError(f"scoring: give one scorer, not {len(scoring)}: {list(scoring)}")
        name = DEFAULT[task] if scoring is None else scoring
        if isinstance(name, str):
            measured = MEASURED.get(name)
            if measured and task in measured.tasks:
                return cls(measured.metric)
            return cls("val_loss", get_scorer(name))
        if not callable(name):
            raise ValueError(f"scoring: {name!r} is no scorer (a name, or a callable)")
        return cls("val_loss", name)

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
class Judge:
    """Scores the model of each fold on the rows that this fold has for validation."""

    scorer: Scorer
    network: Network  # with what it knows of X and y
    X: Any
    y: Any
    folds: Folds

    def __call__(self, model: TrainedModel) -> tuple[list[float], float]:
        """The scores, and the seconds that they took."""
        began = time.monotonic()
        pairs = zip(model.modules, model.preprocess, strict=True)
        alone = [replace(model, modules=(m,), preprocess=(p,)) for m, p in pairs]
        scores = [self._score(each, fold) for fold, each in enumerate(alone)]
        return scores, time.monotonic() - began

    def _score(self, model: TrainedModel, fold: int) -> float:
        rows = self.folds[fold][1]
        fitted = self.network.with_model(model)
        X, y = _safe_indexing(self.X, rows), _safe_indexing(self.y, rows)
        return float(self.scorer(fitted, X, y))


def scorer_of(estimator: Any, scoring: Any) -> Scorer:
    """What ``score`` of a search uses."""
    found: Scorer = check_scoring(estimator, scoring)
    return found
