"""Max pooling in lanes equals torch's, gradients and ties included."""

import copy

import pytest
import torch
from torch import nn

from lanewise.trainables.packs.pooling import MaxPool2d, own_pooling


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (4, 3, 7, 5), (1, 1, 2, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lanes_equal_one_after_the_other(shape, dtype):
    generator = torch.Generator().manual_seed(0)
    # Whole numbers at and above 0: windows have many equal values.
    x = torch.randn(5, *shape, dtype=dtype, generator=generator).mul(2).round().relu()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    together = torch.vmap(own_pooling(nn.MaxPool2d(2)))(ours)
    alone = torch.stack([nn.MaxPool2d(2)(lane) for lane in theirs])
    assert torch.equal(together, alone)
    weights = torch.randn(together.shape, dtype=dtype, generator=generator)
    (together * weights).sum().backward()
    (alone * weights).sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


def test_only_what_halves_is_replaced_and_stays_what_it_was():
    made = own_pooling(nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(3), nn.MaxPool2d(2, padding=1)))
    assert [type(part) for part in made] == [MaxPool2d, nn.MaxPool2d, nn.MaxPool2d]
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(copy.deepcopy(made[0])(x), nn.MaxPool2d(2)(x))
    assert repr(made[0]) == repr(nn.MaxPool2d(2))


def test_an_evaluation_of_lanes_needs_no_gradient():
    x = torch.randn(3, 2, 1, 4, 4)
    with torch.no_grad():
        found = torch.vmap(own_pooling(nn.MaxPool2d(2)))(x)
    assert torch.equal(found, torch.stack([nn.MaxPool2d(2)(lane) for lane in x]))
