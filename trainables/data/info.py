"""What a model must know of its data before it is built."""

from __future__ import annotations

from dataclasses import dataclass

from lanewise.trainables.data.task import Label


@dataclass(frozen=True)
class Info:
    """What a model must know of its data.

    input_shape: of one example, without the batch dimension.
    outputs: 1 for binary (a logit) and regression, the number of classes for multiclass, of values
        for forecasting (steps × series) and for reconstruction, anomaly and generation (those of
        an example).
    classes: the original labels in the order of the outputs; None where there are none.
    vocabulary: how many tokens a text has, or users and items ids; None for other forms.
    form: of an example: "table", "image", "sequence", "text" or "ids".
    anomalies: the labels that are anomalies; None for other tasks.
    one_hot: (first, how many) of the columns of a table that are 0 or 1: of several exactly one is
        1, one alone may be either. Empty where they are not the same in all folds.
    """

    task: str
    input_shape: tuple[int, ...]
    outputs: int
    classes: tuple[Label, ...] | None = None
    vocabulary: int | tuple[int, ...] | None = None
    form: str = "table"
    anomalies: tuple[Label, ...] | None = None
    one_hot: tuple[tuple[int, int], ...] = ()
