"""A network with a layer of its own. `lanewise run examples/own/custom_layer.yaml`

It trains as lanes of a pack like any `nn.Module`: nothing below knows of packs.
"""

import math

import torch
from torch import Tensor, nn

# Shapes: B rows of a batch, F inputs, K frequencies of an input.


class Periodic(nn.Module):
    """sin and cos of each input at frequencies that are learned (arXiv 2203.05556).

    What makes a layer like this pack: its weights are `nn.Parameter`s, its forward is made of torch
    operations on tensors, and it draws at random in `__init__` only.
    """

    def __init__(self, inputs: int, frequencies: int, sigma: float) -> None:
        super().__init__()
        self.frequencies_FK = nn.Parameter(sigma * torch.randn(inputs, frequencies))

    def forward(self, x_BF: Tensor) -> Tensor:
        angle_BFK = 2 * math.pi * x_BF.unsqueeze(-1) * self.frequencies_FK
        return torch.cat([angle_BFK.sin(), angle_BFK.cos()], dim=-1).flatten(1)


def build(config, info) -> nn.Module:
    """What Lanewise calls for each trial.

    config: one configuration of the sweep file's `space`. What it may lack has a default here.
    info: the data: `info.input_shape` is (F,) for a table, `info.outputs` the number of logits.
    """
    inputs = info.input_shape[0]
    frequencies = config.get("frequencies", 4)
    width = config.get("width", 32)
    return nn.Sequential(
        Periodic(inputs, frequencies, config.get("sigma", 0.1)),
        nn.Linear(2 * inputs * frequencies, width),
        nn.SiLU(),
        nn.Dropout(config.get("dropout", 0.0)),
        nn.Linear(width, info.outputs),  # logits: no softmax, no sigmoid
    )
