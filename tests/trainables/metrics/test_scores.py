"""Every metric against scikit-learn, on random outputs with ties and absent classes."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lanewise.trainables.metrics.losses import log_probabilities, make_loss
from lanewise.trainables.metrics.names import BASE, TASKS
from lanewise.trainables.metrics.scores import score, scores_of

many = settings(deadline=None, max_examples=80, derandomize=True)


@st.composite
def classification(draw):
    """Logits [N, C] (C = 1 for binary) on a coarse grid, so that many tie, and codes [N]."""
    outputs, rows = draw(st.sampled_from([1, 2, 3, 5])), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = rng.integers(-3, 4, (rows, outputs)) / 2
    there = rng.choice(max(2, outputs), draw(st.integers(1, max(2, outputs))), replace=False)
    return torch.tensor(logits, dtype=torch.float32), torch.tensor(rng.choice(there, rows))


def found(name, output, codes):
    y = codes.float() if output.shape[1] == 1 else codes
    return score([name], output, y, make_loss({"name": "cross_entropy"}), 1.0)[name]


def quiet(function, *args, **options):
    """scikit-learn warns where a class is absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


@many
@given(classification())
def test_counts_agree_with_scikit_learn(drawn):
    output, codes = drawn
    binary = output.shape[1] == 1
    predicted = (output[:, 0] > 0).long() if binary else output.argmax(1)
    pair = codes.numpy(), predicted.numpy()
    assert found("accuracy", *drawn) == pytest.approx(sk.accuracy_score(*pair))
    expected = quiet(sk.balanced_accuracy_score, *pair)
    assert found("balanced_accuracy", *drawn) == pytest.approx(expected)
    average = "binary" if binary else "macro"
    expected = quiet(sk.f1_score, *pair, average=average, zero_division=0)
    assert found("f1", *drawn) == pytest.approx(expected)


@many
@given(classification())
def test_log_loss_agrees_with_scikit_learn(drawn):
    output, codes = drawn
    probabilities = log_probabilities(output.double()).exp().numpy()
    labels = range(probabilities.shape[1])
    expected = quiet(sk.log_loss, codes.numpy(), probabilities, labels=labels)
    assert found("log_loss", *drawn) == pytest.approx(expected)


@many
@given(classification())
def test_roc_auc_agrees_with_scikit_learn(drawn):
    """Over the classes that are there and are not alone."""
    output, codes = drawn
    probabilities = log_probabilities(output.double()).exp().numpy().round(12)
    classes = [1] if output.shape[1] == 1 else range(output.shape[1])
    each = [
        sk.roc_auc_score(codes.numpy() == c, probabilities[:, c])
        for c in classes
        if 0 < int((codes == c).sum()) < len(codes)
    ]
    if each:
        assert found("roc_auc", *drawn) == pytest.approx(np.mean(each))
    else:
        assert math.isnan(found("roc_auc", *drawn))


def test_roc_auc_of_all_classes_is_scikit_learns_one_versus_rest():
    rng = np.random.default_rng(0)
    output, codes = torch.tensor(rng.normal(size=(200, 4))), torch.tensor(rng.integers(0, 4, 200))
    expected = sk.roc_auc_score(codes, output.softmax(1), multi_class="ovr")
    assert found("roc_auc", output, codes) == pytest.approx(expected)


def test_regression_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=50), rng.normal(size=50)
    names = ("mse", "rmse", "mae", "r2", "loss")
    plain = make_loss({"name": "mse"})
    values = score(names, torch.tensor(p)[:, None], torch.tensor(y), plain, 2.0)
    assert values["mse"] == pytest.approx(4 * sk.mean_squared_error(y, p))
    assert values["rmse"] == pytest.approx(2 * sk.root_mean_squared_error(y, p))
    assert values["mae"] == pytest.approx(2 * sk.mean_absolute_error(y, p))
    assert values["r2"] == pytest.approx(sk.r2_score(y, p))
    assert values["loss"] == pytest.approx(sk.mean_squared_error(y, p))


def test_every_metric_has_its_function():
    for task in TASKS:
        assert {name for name, metric in BASE.items() if task in metric.tasks} - {"loss"} <= set(
            scores_of(task)
        )


@pytest.mark.parametrize("name", sorted(set(scores_of("")) - {"skill"}))
def test_lanes_are_scored_as_one_by_one(name):
    """Any dimensions before the rows stay: outputs [lanes, N, C], targets [lanes, N]."""
    outputs = 1 if "regression" in BASE[name].tasks else 3
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(4, 20, outputs, generator=generator)
    y = torch.randint(0, 3, (4, 20), generator=generator)
    together = scores_of("")[name](output, y, 2.0)
    assert together.shape == (4,)
    alone = torch.stack([scores_of("")[name](o, t, 2.0) for o, t in zip(output, y, strict=True)])
    assert torch.allclose(together, alone)


@pytest.mark.parametrize("outputs", [1, 3])
def test_roc_auc_of_broken_outputs_is_nan(outputs):
    output, y = torch.zeros(6, outputs), torch.tensor([0, 1, 0, 1, 0, 1])
    output[3] = math.nan
    assert math.isnan(found("roc_auc", output, y))
