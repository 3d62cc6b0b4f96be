import numpy as np
import pytest

from lanewise.trainables.data.task import encode, infer_task
from lanewise.trainables.errors import ConfigError, DataError

TEXT = np.array(["b", "a", "b", "c"] * 10, dtype=object)


@pytest.mark.parametrize(
    ("target", "task", "metric", "expected"),
    [
        (np.arange(40) % 2, None, None, "binary"),
        (np.arange(40) % 3, None, None, "multiclass"),
        (np.arange(40.0) % 3, None, None, "multiclass"),
        (np.arange(40) % 2 == 0, None, None, "binary"),
        (TEXT, None, None, "multiclass"),
        (np.arange(40), None, None, "regression"),
        (np.linspace(0, 1, 40), None, "val_loss", "regression"),
        (np.arange(40) % 3, None, "val_r2", "regression"),
        (np.arange(40) % 3, None, "val_accuracy", "multiclass"),
        (np.arange(40) % 3, "regression", "val_accuracy", "regression"),
        (np.arange(40) % 2, "classification", None, "binary"),
        (np.arange(40) % 3, "classification", None, "multiclass"),
        (np.arange(40) % 2, "multiclass", None, "multiclass"),
        (np.arange(40) % 2, None, "users_own", "binary"),
    ],
)
def test_inference(table, target, task, metric, expected):
    assert infer_task(table(40, target), task=task, metric=metric) == expected


@pytest.mark.parametrize(
    ("target", "task", "words"),
    [
        (np.zeros(40, int), None, "data.target: column 'y' has one class, 0"),
        (np.array(["a"] * 40, object), None, "data.target: column 'y' has one class, 'a'"),
        (TEXT, "regression", "data.target: a regression needs numbers"),
        (np.full(40, 2.5), "regression", "data.target: column 'y' has one value"),
        (np.linspace(0, 1, 40), "classification", "has 40 distinct values in 40 rows"),
        (TEXT, "binary", "binary needs 2 classes, and column 'y' has 3"),
    ],
)
def test_targets_that_cannot_be_learned(table, target, task, words):
    with pytest.raises(DataError) as caught:
        infer_task(table(40, target), task=task, metric=None)
    assert words in str(caught.value)


def test_unknown_task(table):
    with pytest.raises(ConfigError, match="did you mean 'regression'"):
        infer_task(table(), task="regresion", metric=None)


def test_classes_are_sorted_and_keep_their_labels(table):
    text = encode(table(40, TEXT))
    assert text.labels == ("a", "b", "c")
    assert text.codes[:4].tolist() == [1, 0, 1, 2]
    whole = encode(table(40, np.arange(40.0) % 2 + 3))
    assert whole.labels == (3, 4)
