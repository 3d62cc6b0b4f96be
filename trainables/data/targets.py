"""From a target column to what a task's loss compares with. N rows, D values, O outputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs, Reading
from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.table import Array, Rows
from lanewise.trainables.data.task import Label, check_numbers, comparable, encode, encode_as
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.errors import DataError, listing
from lanewise.trainables.metrics.names import RECONSTRUCTION

if TYPE_CHECKING:
    from lanewise.trainables.data.dataset import Fold


@dataclass(frozen=True)
class Targets:
    """What rows are compared with.

    classes: the labels of a classification, sorted; anomalies: the labels of anomalies.
    """

    task: str
    classes: tuple[Label, ...] | None = None
    anomalies: tuple[Label, ...] | None = None

    @classmethod
    def of(
        cls, rows: Rows, task: str, anomalies: Sequence[Label] | None, own: Iterable[Rows] = ()
    ) -> Targets:
        """For a task on these rows, and on those of parts with a source of their own.

        Raises:
            DataError: at "data.anomaly".
        """
        if task in ("binary", "multiclass"):
            return cls(task, classes=encode(rows).labels)
        if task != "anomaly":
            return cls(task)
        if not anomalies:
            raise DataError("data.anomaly", "name the label, or labels, of the anomalies")
        found = {label for each in (rows, *own) for label in comparable(each.target).tolist()}
        missing = [label for label in anomalies if label not in found]
        if missing:
            known = listing(map(str, sorted(found, key=str)))
            message = f"no row has the label {missing[0]!r} in {rows.target_name!r}"
            raise DataError("data.anomaly", f"{message} ({known})")
        return cls(task, anomalies=tuple(anomalies))

    @property
    def is_scaled(self) -> bool:
        """Whether what is learned from the training rows has to do with the target, too."""
        return self.task in ("regression", "forecasting")

    def strata(self, rows: Rows) -> Array | None:
        """Codes that parts shall have alike shares of; None for none."""
        if self.classes is not None:
            return encode_as(rows, self.classes)
        return self.are_anomalies(rows).astype(np.int64) if self.anomalies else None

    def are_anomalies(self, rows: Rows) -> Array:
        """Bool [N]."""
        assert self.anomalies is not None
        labels = comparable(rows.target).tolist()  # as Python compares: 8 is not "8"
        return np.array([label in self.anomalies for label in labels], bool)

    def to_learn_from(self, rows: Rows, numbers: Array) -> Array:
        """Those of the row numbers that a model trains on: all, or the normal ones."""
        if self.anomalies is None:
            return numbers
        kept = numbers[~self.are_anomalies(rows)[numbers]]
        if len(kept) < 2:
            raise DataError("data.anomaly", "the training part has less than 2 normal rows")
        return kept

    def notes(self, left_out: int) -> tuple[str, ...]:
        """What people should know of rows that `to_learn_from` left out of the training part."""
        return (f"{left_out} anomalies of the training part are not used",) if left_out else ()

    def check_validation(self, y: Array) -> None:
        """Raise DataError where a validation part could not tell a good score from a bad one.

        Args:
            y: its targets, as `values` makes them.
        """
        if self.anomalies is None:
            return
        for has_any, kind in ((y[:, -1].any(), "anomaly"), (not y[:, -1].all(), "normal row")):
            if not has_any:
                message = f"the validation part has no {kind} among its {len(y)} rows"
                raise DataError("data.anomaly", f"{message}; the threshold is chosen by both")

    def part(self, rows: Rows, fitted: Inputs) -> tuple[Array | Unread, Array]:
        """x and y of some rows; what lies in a file stays there."""
        if isinstance(rows, Block) and isinstance(rows.x, Mapped):
            if self.task in (*RECONSTRUCTION, "generation"):
                message = f"{self.task} needs its rows in memory; give more of it"
                raise DataError("data.memory", message)
            return Unread(rows.x, fitted), self.values(rows, fitted, np.empty(0))
        x = fitted.transform(rows)
        return x, self.values(rows, fitted, x)

    def values(self, rows: Rows, fitted: Inputs, x: Array) -> Array:
        """y of some rows, as `dataset.Fold` describes it; x are the same rows' inputs."""
        if self.classes is not None:
            return encode_labels(self.task, encode_as(rows, self.classes))
        if self.task in ("reconstruction", "generation"):
            return x.reshape(len(x), -1)
        if self.task == "anomaly":
            flag = self.are_anomalies(rows).astype(x.dtype)
            return np.concatenate([x.reshape(len(x), -1), flag[:, None]], 1)
        check_numbers(rows)
        if isinstance(rows, Block) and rows.outlook is not None:
            pair = rows.target, rows.outlook.naive
            return np.concatenate([fitted.encode_target(values) for values in pair], 1)
        return fitted.encode_target(rows.target)

    def info(self, folds: Sequence[Fold], reading: Reading) -> Info:
        """For models, from the folds' arrays."""
        fold = folds[0]
        layouts = {getattr(each.preprocess, "one_hot", ()) for each in folds}
        shape = fold.preprocess.shape
        match self.task:
            case "multiclass":
                assert self.classes is not None
                outputs = len(self.classes)
            case "forecasting":
                outputs = fold.y_train.shape[1] // 2
            case "reconstruction" | "anomaly" | "generation":
                outputs = math.prod(shape)
            case _:
                outputs = 1
        return Info(
            self.task,
            shape,
            outputs,
            self.classes,
            vocabulary=getattr(fold.preprocess, "vocabulary", None),
            form=reading.form,
            anomalies=self.anomalies,
            one_hot=layouts.pop() if len(layouts) == 1 else (),
        )


def encode_labels(task: str, codes: Array) -> Array:
    """Class codes in the type that the task's loss takes."""
    return codes.astype(np.int64 if task == "multiclass" else np.float32)
