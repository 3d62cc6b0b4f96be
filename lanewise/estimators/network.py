"""One configuration of a model as a scikit-learn estimator: ``Classifier`` and ``Regressor``."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from lanewise.estimators.rows import Examples, checked, checked_again, checked_weights, examples
from lanewise.trainables.config import TRAINING, check
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ConfigError, listing, nearest
from lanewise.trainables.knobs import COUNT
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import Recipe, check_model
from lanewise.trainables.trial import open_trial

if TYPE_CHECKING:
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.data.dataset import Prepared

Build = Callable[..., Any]


@dataclass(frozen=True)
class Outcome:
    """A network that was trained: its model, and the training loss of each epoch."""

    model: TrainedModel
    losses: list[float]


class Network(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What a classifier and a regressor share.

    It trains on all rows that it is given, for ``epochs`` epochs; numbers are standardised, words
    become one-hot, and missing values are filled in, by what these rows hold.

    Args:
        model: a built-in one ("mlp", "cnn", …), ``build(config, info) -> nn.Module``, or a
            reference to such a function ("my.py:build").
        epochs: how often it sees each row; schedules of the learning rate stretch over them.
        stop_after: the epoch after which it stops nevertheless; None for the last.
        loss: a loss or one with its options ({"huber": {"delta": 2}}); None for the task's own.
        shape: of an example, where X has a row of numbers for each: [channels, height, width] or
            [steps, features].
        device: "cpu", or "cuda", used if there is one.
        n_jobs: CPU threads of a training: None for one, -1 for as many as there are CPUs.
        random_state: of the initial weights, the order of the rows and dropout.
        hyperparameters: of the model and of its training, as a sweep file has them (``lr=0.01``,
            ``hidden=[64]``, ``optimizer={"sgd": {"momentum": 0.9}}``); ``patience`` counts epochs
            without a lower training loss.

    Attributes:
        model_: the trained model; n_epochs_: epochs that it trained; loss_curve_: the training
            loss of each.
    """

    def __init__(
        self,
        model: str | Build = "mlp",
        *,
        epochs: int = 27,
        stop_after: int | None = None,
        loss: str | Mapping[str, Any] | None = None,
        shape: Any = None,
        device: str = "cpu",
        n_jobs: int | None = None,
        random_state: Any = None,
        **hyperparameters: Any,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.stop_after = stop_after
        self.loss = loss
        self.shape = shape
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        for name, value in hyperparameters.items():
            setattr(self, name, value)

    # -- parameters ---------------------------------------------------------------------------

    @property
    def _hyperparameters(self) -> dict[str, Any]:
        """Those that were set, by name."""
        own = self._get_param_names()
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, and the hyperparameters that were set."""
        return {**super().get_params(deep=deep), **self._hyperparameters}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters and hyperparameters, also such as have not been set yet.

        Raises:
            ValueError: a name that the model does not have.
        """
        own = self._get_param_names()
        for name in sorted(params, key=lambda name: name != "model"):
            if name not in own:
                self._check_name(name)
            setattr(self, name, params[name])
        return self

    def _check_name(self, name: str) -> None:
        built_in = MODELS.get(self.model) if isinstance(self.model, str) else None
        if built_in is None and name.isidentifier():
            return
        own = built_in.knobs if built_in else {}
        allowed = [*self._get_param_names(), *TRAINING, *own]
        if name not in allowed:
            known = f"{listing(allowed, limit=60)}{nearest(name, allowed)}"
            message = f"Invalid parameter {name!r} for estimator {type(self).__name__}"
            raise ValueError(f"{message} ({known})")

    def _config(self) -> dict[str, Any]:
        """The hyperparameters in plain types, as configurations have them."""
        return {name: plain(value) for name, value in self._hyperparameters.items()}

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    @property
    def last_epoch(self) -> int:
        """At which it stops."""
        return min(self.epochs, self.stop_after or self.epochs)

    # -- training -----------------------------------------------------------------------------

    def _examples(self, X: Any, y: Any) -> Examples:
        """Checks X and y, and notes what is known of them."""
        raise NotImplementedError

    def weighted(self, X: Any, y: Any, sample_weight: Any) -> Examples:
        """The rows with their weights, all checked."""
        found = self._examples(X, y)
        return replace(found, weights=checked_weights(sample_weight, len(found.rows)))

    def _again(self, X: Any) -> Any:
        """Checks X, and gives its rows the form that the model was trained on."""
        X = checked_again(self, X)
        if self.shape is None or np.ndim(X) != 2:
            return X
        return np.asarray(X).reshape(len(X), *self.shape)

    def _recipe(self, prepared: Prepared, **more: Any) -> Recipe:
        """What trainings of this network share.

        Raises:
            ConfigError, ModelError: a parameter that cannot be.
        """
        COUNT.check(self.epochs, "epochs")
        if self.stop_after is not None:
            COUNT.check(self.stop_after, "stop_after")
        given, build = self.model, None
        if isinstance(given, str):
            check_model(given, os.getcwd())
            name = given
        elif callable(given):
            name, build = f"python:{getattr(given, '__qualname__', 'build')}", given
        else:
            message = f"{given!r} is no model (a name, build(config, info) or my.py:build)"
            raise ConfigError("model", message)
        return Recipe(
            model=name,
            callable=build,
            base=os.getcwd(),
            prepared=prepared,
            loss=None if self.loss is None else named(self.loss),
            epochs=self.epochs,
            threads=effective_n_jobs(self.n_jobs),
            device=self.device,
            **more,
        )

    def _train(self, recipe: Recipe) -> Outcome:
        from lanewise.trainables.checkpoints.trained import TrainedModel
        from lanewise.trainables.training.model_trial import ModelTrial

        config = self._config()
        check(recipe.model, config)
        trial = open_trial(recipe, config, self._seed())
        assert isinstance(trial, ModelTrial)
        assert recipe.prepared is not None
        trial.advance(self.last_epoch)
        model = TrainedModel(
            tuple(replica.module.eval() for replica in trial.replicas),
            tuple(fold.preprocess for fold in recipe.prepared.folds),
            recipe.prepared.info,
            trial.config,
            trial.epoch,
            trial.rows[-1][1],
            recipe.loss,
            replace(recipe, prepared=None),
        )
        return Outcome(model, [row["train_loss"] for _, row in trial.rows])

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on the rows of X with the targets y [N].

        Args:
            sample_weight: what the loss of each row is multiplied by, [N]; they are scaled to a
                mean of 1. Preprocessing and batches do not know them.
        """
        found = self._train(self._recipe(self.weighted(X, y, sample_weight).whole()))
        self.loss_curve_ = found.losses
        return self._take(found.model)

    def with_model(self, model: TrainedModel) -> Self:
        """A fitted copy that predicts with this model; knows of X and y what this one does."""
        return copy.copy(self)._take(model)

    def _take(self, model: TrainedModel) -> Self:
        self.model_ = model
        self.n_epochs_ = model.epoch
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        inputs = tags.input_tags
        inputs.allow_nan = inputs.sparse = inputs.string = inputs.categorical = True
        inputs.three_d_array = True
        return tags


class Classifier(ClassifierMixin, Network):  # type: ignore[misc]
    __doc__ = f"""A neural network that tells classes apart.

    {(Network.__doc__ or "").partition("share.")[2].strip()} classes_: the labels, sorted.
    """

    def _examples(self, X: Any, y: Any) -> Examples:
        X, y = checked(self, X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            label = self.classes_.tolist()[0]
            message = f"y has 1 class, {label!r}; a classification needs 2 classes or more"
            raise ValueError(message)
        task = "binary" if len(self.classes_) == 2 else "multiclass"
        return examples(X, codes, model=self.model, task=task, shape=self.shape)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class [N, classes], in the order of ``classes_``."""
        check_is_fitted(self)
        return self.model_.predict_proba(self._again(X))

    def predict(self, X: Any) -> Array:
        """The most probable class of each row [N]."""
        codes = self.predict_proba(X).argmax(1)
        return np.asarray(self.classes_[codes])


class Regressor(RegressorMixin, Network):  # type: ignore[misc]
    __doc__ = f"""A neural network that predicts numbers.

    {(Network.__doc__ or "").partition("share.")[2].strip()}
    """

    def _examples(self, X: Any, y: Any) -> Examples:
        X, y = checked(self, X, y, y_numeric=True)
        return examples(X, y, model=self.model, task="regression", shape=self.shape)

    def predict(self, X: Any) -> Array:
        """A number for each row [N], in y's own units."""
        check_is_fitted(self)
        return self.model_.predict(self._again(X))


def named(choice: Any) -> dict[str, Any]:
    """ "sgd", {"sgd": {"momentum": 0.9}} or {"name": "sgd", "momentum": 0.9} as the last."""
    if not isinstance(choice, Mapping):
        return {"name": choice}
    if "name" in choice or len(choice) != 1:
        return dict(choice)
    ((name, options),) = choice.items()
    return {"name": name, **(options or {})}


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's, and a choice with options as configurations have it.

    Anything else stays what it is.
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in named(value).items()}
    return value
