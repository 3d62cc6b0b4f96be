"""A module that cannot be exported: the error says why and where, and a bundle remains."""

import re

import pytest
import torch
from torch import nn

from lanewise.trainables.data.info import Info
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.onnx import onnx_of, program

pytestmark = pytest.mark.usefixtures("one_thread")

INFO = Info("multiclass", (5,), 3)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(5, 3)


class Branches(Own):
    def forward(self, x):
        return self.out(x) if x.sum() > 0 else self.out(-x)


class Loops(Own):
    def forward(self, x):
        return torch.stack([self.out(row) for row in x])


class LeavesTorch(Own):
    def forward(self, x):
        return torch.from_numpy(self.out(x).numpy())


class Bessel(Own):
    def forward(self, x):
        return self.out(torch.special.bessel_j1(x))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Branches, "what its forward pass does depends on the values of its input"),
        (Loops, "its forward pass is for one number of rows"),
        (LeavesTorch, ".numpy() is not supported"),
        (Bessel, "ONNX has no prims.bessel_j1"),
    ],
)
def test_the_error_says_why_and_where(kind, why, capfd):
    with pytest.raises(ExportError) as caught:
        onnx_of(program([kind().eval()], INFO))
    message = str(caught.value)
    assert message.startswith("model: it cannot be exported")
    assert why in message
    assert message.endswith("; it can be promoted as a PyTorch bundle")
    if kind is not Loops:  # the count of rows is known to be wrong when all is traced
        line = kind.forward.__code__.co_firstlineno + 1
        assert re.search(rf"\(test_explain\.py:{line}\)", message), message
    assert capfd.readouterr() == ("", "")
