"""What ``lw.tune`` returns: the sweep as its journal tells it, and the best model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from lanewise.search.store.home import Home
    from lanewise.search.store.view import View
    from lanewise.testpart import Evaluation
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.verify import Verified


@dataclass(frozen=True)
class Corrected:
    """The objective's value, corrected for having been selected, with a 90 % interval."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Best:
    """The best configuration: its trial, parameters, and all metrics at its best epoch.

    corrected: what its value is worth on new rows, as it was selected; None where that is not
        known (the sweep's notes say why).
    tied: the trials whose difference to it may be chance.
    """

    trial: int
    params: dict[str, Any]
    metrics: dict[str, float]
    epoch: int
    corrected: Corrected | None
    tied: tuple[int, ...]
    _result: Result

    @property
    def model(self) -> TrainedModel:
        """The weights of the best epoch, with ``predict`` and ``save``; reproduces ``metrics``.

        It needs neither the data nor, for a built-in model, anything but its checkpoint.

        Raises:
            LookupError: the sweep trained by a user's function, which keeps its own models.
            CheckpointError: its checkpoint is gone or broken.
        """
        return self._result._model(self.trial)

    def test(self) -> Evaluation:
        """The model on the test part, which no trial saw: ``metrics``, and a ``warning`` where it
        was used before. Each use is recorded.

        Raises:
            LookupError: as ``model``. TrainableError: there is no test part, or the data changed.
        """
        return self._result._test(self.trial)

    def __repr__(self) -> str:
        from lanewise.spaces import flatten

        params = _few([f"{name}={_short(value)}" for name, value in flatten(self.params).items()])
        where = f"trial {self.trial} of {self._result.sweep}, epoch {self.epoch}"
        return f"<Best: {where}: {_metrics(self.metrics)}\n {params}>"


def _metrics(metrics: dict[str, float]) -> str:
    """The validation part's first, and its scores before its loss."""
    names = sorted(metrics, key=lambda name: (not name.startswith("val_"), name.endswith("loss")))
    return _few([f"{name} {metrics[name]:.4g}" for name in names], most=3)


def _few(words: list[str], most: int = 8) -> str:
    return ", ".join(words[:most]) + (", …" if len(words) > most else "")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:40]


class Result:
    """A sweep that was run.

    Attributes:
        summary: what ``lanewise run --json`` prints.
        history: one mapping per trial, as in ``lanewise show --json``.

    Args:
        function: the model's or training function that was given from Python.
    """

    def __init__(
        self,
        summary: dict[str, Any],
        history: list[dict[str, Any]],
        home: Home,
        function: Callable[..., Any] | None = None,
    ) -> None:
        self.summary = summary
        self.history = history
        self._home = home
        self._function = function

    @property
    def sweep(self) -> str:
        """The sweep's id."""
        return str(self.summary["sweep"])

    @property
    def status(self) -> str:
        """done, failed or interrupted."""
        return str(self.summary["status"])

    @property
    def best(self) -> Best:
        """The best trial; LookupError when no trial reported a usable value."""
        best = self.summary["best"]
        if best is None:
            raise LookupError("no trial reported a usable value of the objective; see .history")
        corrected = Corrected(**best["corrected"]) if best["corrected"] else None
        return Best(
            best["trial"],
            best["params"],
            best["metrics"],
            best["epoch"],
            corrected,
            tuple(best["tied"]),
            self,
        )

    def report(self) -> Path:
        """The HTML report of the sweep as it is now; it is built if it is missing."""
        from lanewise.dashboards.report.build import build
        from lanewise.dashboards.report.files import report_of

        with self._view() as view:
            return report_of(view, self._home) or build(view, self._home)

    def verify(self, top: int = 10, *, seeds: int = 5, folds: int | None = None) -> Verified:
        """The best ``top`` trials trained again, with fresh seeds and folds; see ``verify``.

        Args:
            folds: 5, or 1 where the parts of the data follow time or are given.
        """
        from lanewise.launch import Options
        from lanewise.plan import plan_again
        from lanewise.verify import Request, verify

        with self._view() as view:
            plan = plan_again(view, self._function)
            return verify(view, Options(self._home), Request(top, seeds, folds), plan)

    def to_frame(self) -> pd.DataFrame:
        """One row per trial: number, status, epochs, flattened parameters, best metrics."""
        import pandas as pd

        from lanewise.spaces import flatten

        rows = [
            {"trial": t["trial"], "status": t["status"], "epochs": t["epochs"]}
            | {f"params.{name}": value for name, value in flatten(t["params"]).items()}
            | {f"metrics.{name}": value for name, value in t["metrics"].items()}
            for t in self.history
        ]
        return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame()

    def _model(self, number: int) -> TrainedModel:
        from lanewise.models import model_of

        with self._view() as view:
            return model_of(view, self._home, number, self._function)

    def _test(self, number: int) -> Evaluation:
        from lanewise.testpart import evaluate_test_part, show_in_mlflow

        with self._view() as view:
            found = evaluate_test_part(view, self._home, number, self._function)
            show_in_mlflow(view, self._home, patience=0)
        if found.warning:
            warnings.warn(found.warning, UserWarning, stacklevel=3)
        return found

    @contextmanager
    def _view(self) -> Iterator[View]:
        from lanewise.search.store.view import open_view

        journal = self._home.journal()
        try:
            yield open_view(journal, self.sweep)
        finally:
            journal.close()

    def __repr__(self) -> str:
        best, trials = self.summary["best"], self.summary["trials"]["asked"]
        shown = f"; best {_metrics(best['metrics'])} (trial {best['trial']})" if best else ""
        return f"<Result {self.sweep}: {self.status}, {trials} trials{shown}>"
