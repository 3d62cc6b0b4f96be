"""The feed-forward network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.layers import Layers, Residual


def mlp(config: Mapping[str, Any], info: Info) -> nn.Module:
    """A feed-forward network: one block per width in `hidden`, then a linear layer.

    Inputs [B, F], or of any shape [B, …], which it flattens; outputs [B, C]. Layers are made in the
    order of the forward pass, and so draw their initial values. Packs, also with other widths.
    """
    make, inputs, hidden = Layers(config), math.prod(info.input_shape), config["hidden"]
    if not (config["residual"] and hidden):
        blocks = _plain(make, inputs, hidden, config["pre_norm"])
    elif config["pre_norm"]:
        blocks = _pre_norm_residual(make, inputs, hidden)
    else:
        blocks = _post_norm_residual(make, inputs, hidden)
    width = hidden[-1] if hidden else inputs
    flat = [nn.Flatten()] if len(info.input_shape) > 1 else []
    return nn.Sequential(*flat, *blocks, make.linear(width, info.outputs, activated=False))


def _plain(make: Layers, inputs: int, hidden: Sequence[int], pre_norm: bool) -> Iterator[nn.Module]:
    """Linear → norm → activation → dropout.

    With `pre_norm` Linear → activation → norm → dropout, so that the input of each linear layer
    is normed. Not the network's own input: a layer norm would mix the columns of a table.
    """
    for width in hidden:
        yield make.linear(inputs, width, activated=True, normed=not pre_norm)
        if pre_norm:
            yield make.activation()
            yield from make.norm(width)
        else:
            yield from make.norm(width)
            yield make.activation()
        yield from make.dropout()
        inputs = width


def _pre_norm_residual(make: Layers, inputs: int, hidden: Sequence[int]) -> Iterator[nn.Module]:
    """The ResNet of Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data".

    Linear, then x + Dropout(Linear(Dropout(ReLU(Linear(Norm(x)))))) per block, then ReLU(Norm(x)),
    with any activation, and one rate for both dropouts.
    """
    before = hidden[0]
    yield make.linear(inputs, before, activated=False, normed=True)
    for width in hidden:
        skip = make.skip(before, width)
        branch = [
            *make.norm(before),
            make.linear(before, width, activated=True),
            make.activation(),
            *make.dropout(),
            make.linear(width, width, activated=False, normed=True),
            *make.dropout(),
        ]
        yield Residual(skip, branch, after=nn.Identity())
        before = width
    yield from make.norm(before)
    yield make.activation()


def _post_norm_residual(make: Layers, inputs: int, hidden: Sequence[int]) -> Iterator[nn.Module]:
    """A plain block, then blocks as He et al. 2016 order them: norms behind the linear layers,
    and the activation behind the sum. The norm may be none.
    """
    before = hidden[0]
    yield from _plain(make, inputs, [before], pre_norm=False)
    for width in hidden:
        skip = make.skip(before, width)
        branch = [
            make.linear(before, width, activated=True, normed=True),
            *make.norm(width),
            make.activation(),
            *make.dropout(),
            make.linear(width, width, activated=False, normed=True),
            *make.norm(width),
            *make.dropout(),
        ]
        yield Residual(skip, branch, after=make.activation())
        before = width
