"""Losses against torch, and what is reported against what is descended."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.metrics.losses import (
    LOSSES,
    class_weights,
    classification_loss,
    make_criterion,
    make_loss,
)
from lanewise.trainables.metrics.names import DEFAULT_LOSS, TASKS, complete_loss
from lanewise.trainables.metrics.names import LOSSES as KINDS

many = settings(deadline=None, max_examples=40, derandomize=True)
options = st.tuples(
    st.sampled_from([0.0, 0.5, 2.0]),  # gamma
    st.sampled_from([0.0, 0.1, 0.9]),  # smoothing
    st.sampled_from([None, (2.0, 0.5, 3.0)]),  # weights
)


def rows(outputs=3, classes=3, n=12):
    generator = torch.Generator().manual_seed(outputs)
    output = torch.randn(n, outputs, generator=generator, dtype=torch.float64, requires_grad=True)
    return output, torch.arange(n) % classes


def tensor(weights, classes):
    return None if weights is None else torch.tensor(weights[:classes], dtype=torch.float64)


def test_every_loss_has_its_function_and_every_task_its_default():
    assert set(LOSSES) == set(KINDS)
    for task in TASKS:
        assert task in KINDS[DEFAULT_LOSS[task]].tasks
        assert complete_loss(None, task)["name"] == DEFAULT_LOSS[task]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, (2.0, 0.5, 3.0)])
def test_cross_entropy_with_smoothing_and_weights_equals_torch(smoothing, weights):
    output, y = rows()
    weight = tensor(weights, 3)
    expected = nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)(output, y)
    assert torch.allclose(classification_loss(output, y, 0.0, smoothing, weight), expected)
    plain = make_criterion({"name": "cross_entropy"}, smoothing, weight)(output, y)[1]
    assert torch.equal(plain, F.cross_entropy(output, y))


@many
@given(options)
def test_one_logit_is_as_good_as_two(drawn):
    """A binary task, and the same one with two outputs of which the first is always 0."""
    gamma, smoothing, weights = drawn
    z, y = rows(outputs=1, classes=2)
    two = torch.cat([torch.zeros_like(z), z], 1)
    weight = tensor(weights, 2)
    one = classification_loss(z, y.double(), gamma, smoothing, weight)
    assert torch.allclose(one, classification_loss(two, y, gamma, smoothing, weight))


def test_focal_by_hand():
    output, y = rows()
    p = output.softmax(1).gather(1, y[:, None])
    expected = (-((1 - p) ** 2.5) * p.log()).mean()
    loss = make_loss(complete_loss({"name": "focal", "gamma": 2.5}, "multiclass"))
    assert torch.allclose(loss(output, y), expected)


@many
@given(st.sampled_from([0.0, 0.3, 1.0, 2.0]), st.sampled_from([0.0, 0.2]))
def test_gradients_are_finite_where_the_model_is_sure(gamma, smoothing):
    output = torch.tensor([[1000.0, -1000.0], [1000.0, -1000.0]], requires_grad=True)
    classification_loss(output, torch.tensor([0, 1]), gamma, smoothing).backward()
    assert output.grad.isfinite().all()


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ({"name": "mse"}, F.mse_loss),
        ({"name": "mae"}, F.l1_loss),
        ({"name": "huber"}, F.huber_loss),
        ({"name": "huber", "delta": 0.3}, lambda p, y: F.huber_loss(p, y, delta=0.3)),
        ({"name": "smooth_l1", "beta": 0.3}, lambda p, y: F.smooth_l1_loss(p, y, beta=0.3)),
    ],
)
def test_regression_losses_equal_torch(loss, expected):
    output, y = rows(outputs=1)
    found = make_loss(complete_loss(loss, "regression"))(output, y.double())
    assert torch.equal(found, expected(output[:, 0], y.double()))


def test_nothing_to_shape_costs_nothing():
    """What is descended is what is reported, computed once."""
    output, y = rows()
    descended, reported = make_criterion({"name": "cross_entropy"}, 0.0, None)(output, y)
    assert descended.data_ptr() == reported.data_ptr()
    assert not reported.requires_grad


def test_balanced_weights_are_scikit_learns():
    y = np.array([0, 0, 0, 2, 2, 3])
    found = class_weights("balanced", torch.tensor(y), 4, torch.float64)
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    assert found[[0, 2, 3]].tolist() == pytest.approx(expected)
    assert math.isfinite(found[1])  # a class that this part has not
    assert class_weights(None, torch.tensor(y), 4, torch.float64) is None
    assert class_weights([1, 2], torch.tensor(y % 2), 2, torch.float64).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("loss", "task", "line"),
    [
        ({"name": "crossentropy"}, "binary", "loss: 'crossentropy' is not a loss"),
        ({"name": "crossentropy"}, "binary", "did you mean 'cross_entropy'?"),
        (
            {"name": "mae"},
            "binary",
            "loss: 'mae' is a loss of regression, forecasting, reconstruction",
        ),
        ({"name": "mae"}, "binary", "(cross_entropy, binary_cross_entropy, focal)"),
        ({"name": "binary_cross_entropy"}, "multiclass", "this task is multiclass"),
        ({"name": "huber", "beta": 1}, "regression", "loss.beta: huber has no option 'beta'"),
        ({"name": "mse", "beta": 1}, "regression", "mse has no option 'beta' (it has none)"),
        ({"name": "huber", "delta": 0}, "regression", "loss.delta: 0 is not allowed"),
    ],
)
def test_what_does_not_fit_is_one_line(loss, task, line):
    with pytest.raises(ConfigError) as caught:
        complete_loss(loss, task)
    assert line in str(caught.value)
