"""From the raw outputs of each replica to predictions: `TrainedModel.predict` in NumPy. No torch.

N rows, C outputs, H steps, S series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.labels import label_array
from lanewise.trainables.data.restore import restored, together
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ModelError
from lanewise.trainables.export.about import About


def predicted(
    about: About, outputs: Sequence[Array], inputs: Sequence[Array], fits: Sequence[Inputs]
) -> Array:
    """As `TrainedModel.predict`.

    Args:
        outputs: of each replica, [N, C]; inputs: what each was given; fits: made them.
    """
    if about.classes is not None:
        return labels(about, probabilities(about, outputs))
    if about.task == "anomaly":
        return np.asarray(scores(outputs, inputs) > about.threshold)
    if about.task == "reconstruction":
        return together([restored(f, o) for f, o in zip(fits, outputs, strict=True)])
    decoded = [f.decode_target(o.astype(np.float64)) for f, o in zip(fits, outputs, strict=True)]
    mean = np.asarray(sum(decoded) / len(decoded))
    if about.task == "regression":
        return mean[:, 0]
    if about.task == "forecasting":
        series = about.shape[-1]
        steps = mean.reshape(-1, about.outputs // series, series)
        return steps[..., 0] if series == 1 else steps
    raise ModelError("model", f"a model for {about.task} predicts nothing")


def answers(
    about: About, outputs: Sequence[Array], inputs: Sequence[Array], fits: Sequence[Inputs]
) -> list[dict[str, Any]]:
    """The predictions of each row in JSON's own types; see `runtime.ExportedModel.answers`."""
    if about.classes is not None:
        each = probabilities(about, outputs)
        names = [str(label) for label in about.classes]
        shares = [dict(zip(names, row, strict=True)) for row in as_json(each)]
        said = [about.classes[best] for best in each.argmax(1).tolist()]  # as `labels`
        pairs = zip(said, shares, strict=True)
        return [{"label": label, "probabilities": shares} for label, shares in pairs]
    if about.task == "anomaly":
        found = scores(outputs, inputs)
        pairs = zip(as_json(found > about.threshold), as_json(found), strict=True)
        return [{"anomaly": is_one, "score": score} for is_one, score in pairs]
    values = as_json(predicted(about, outputs, inputs, fits))
    if about.task == "regression":
        return [{"value": value} for value in values]
    names = list(_value_names(about, fits[0]))
    if about.task == "forecasting" and about.shape[-1] > 1 and names:
        steps = [[dict(zip(names, step, strict=True)) for step in row] for row in values]
        return [{"values": each} for each in steps]
    if about.task == "reconstruction" and names:
        return [{"values": dict(zip(names, row, strict=True))} for row in values]
    return [{"values": row} for row in values]


def _value_names(about: About, fitted: Inputs) -> Sequence[str]:
    """Of a forecast's series, or a reconstruction's columns; none where they have none."""
    return getattr(fitted, "series" if about.task == "forecasting" else "columns", ())


def probabilities(about: About, outputs: Sequence[Array]) -> Array:
    """Of each class, the mean over replicas: float64 [N, classes]."""
    each = [_sigmoid(o) if about.outputs == 1 else _softmax(o) for o in outputs]
    mean = np.asarray(sum(each) / len(each))
    return np.concatenate([1 - mean, mean], axis=1) if about.outputs == 1 else mean


def labels(about: About, probabilities_NC: Array) -> Array:
    """The most probable label of each row."""
    assert about.classes is not None
    return np.asarray(label_array(about.classes)[probabilities_NC.argmax(1)])


def scores(outputs: Sequence[Array], inputs: Sequence[Array]) -> Array:
    """How badly each row is reconstructed, as `TrainedModel.score_samples`."""
    pairs = zip(outputs, inputs, strict=True)
    each = [np.square(o.astype(np.float64) - x.reshape(len(x), -1)).mean(1) for o, x in pairs]
    return np.asarray(np.mean(each, 0))


def _softmax(output_NC: Array) -> Array:
    shifted = output_NC.astype(np.float64)
    powers = np.exp(shifted - shifted.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _sigmoid(output_N1: Array) -> Array:
    x = output_N1.astype(np.float64)
    small = np.exp(-np.abs(x))  # never overflows
    return np.asarray(np.where(x >= 0, 1.0, small) / (1.0 + small))


def as_json(value: Any) -> Any:
    """NumPy's values as Python's, and what is missing as None."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and np.isfinite(value).all():
            return value.tolist()
        return [as_json(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
