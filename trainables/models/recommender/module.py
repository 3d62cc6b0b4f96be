"""The recommender. B batch, U users, I items, F factors, D and E embeddings, C outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.layers import Layers
from lanewise.trainables.training.penalties import Term


def recommender(config: Mapping[str, Any], info: Info) -> nn.Module:
    """Factorisation of a matrix of ratings with biases, a neural tower, or both.

    Inputs int64 [B, 2], the numbers of a user and of an item; outputs [B, 1]:

        b + b_u + b_i + <p_u, q_i> + tower([d_u, e_i])

    Without a tower that is Koren, Bell and Volinsky, "Matrix Factorization Techniques for
    Recommender Systems", 2009; μ is in the standardised target, and b corrects it. With both parts
    it is NeuMF of He et al., "Neural Collaborative Filtering", 2017, of which the two parts have
    embeddings of their own, here with the weights of the product at 1 and with biases. Neither
    factors nor tower: biases alone.

    All that belongs to a user lies in a row of one table, and so do items: `l2_user` and `l2_item`
    are of rows, as often as they occur, as in the paper of 2009. Number 0, of those unknown to
    training, begins at zeros and stays there. Gradients are dense, so that it packs.
    """
    return Recommender(config, info)


def shrink(rows_BD: Tensor) -> Tensor:
    """Σx²/2 of a row, the mean over the rows."""
    return rows_BD.square().sum(-1).mean() / 2


class Recommender(nn.Module):
    """See `recommender`. A row of a table: its bias, its factors, its embedding of the tower."""

    def __init__(self, config: Mapping[str, Any], info: Info) -> None:
        super().__init__()
        assert isinstance(info.vocabulary, tuple)
        users, items = info.vocabulary
        widths, std = config["tower"], config["embedding_std"]
        below = (config["user_embedding"], config["item_embedding"]) if widths else (0, 0)
        self.factors = config["factors"]
        self.bias = nn.Parameter(torch.zeros(1))
        self.user = _table(users, 1 + self.factors + below[0], std)
        self.item = _table(items, 1 + self.factors + below[1], std)
        self.shrink_user = Term(config["l2_user"], shrink)
        self.shrink_item = Term(config["l2_item"], shrink)
        make = Layers(config)
        self.drop = nn.Sequential(*make.dropout())
        self.tower = _tower(make, sum(below), widths, info.outputs) if widths else None

    def forward(self, x_B2: Tensor) -> Tensor:
        user_BR = self.shrink_user(self.user(x_B2[:, 0]))
        item_BR = self.shrink_item(self.item(x_B2[:, 1]))
        output_B1: Tensor = self.bias + user_BR[:, :1] + item_BR[:, :1]
        end = 1 + self.factors
        if self.factors:
            product_BF = self.drop(user_BR[:, 1:end] * item_BR[:, 1:end])
            output_B1 = output_B1 + product_BF.sum(1, keepdim=True)
        if self.tower is not None:
            output_B1 = output_B1 + self.tower(torch.cat([user_BR[:, end:], item_BR[:, end:]], 1))
        return output_B1


def _table(numbers: int, width: int, std: float) -> nn.Embedding:
    """Normal rows whose first value, the bias, is 0; and so is all of row 0."""
    table = nn.Embedding(numbers, width)
    with torch.no_grad():
        table.weight.normal_(0.0, std)
        table.weight[:, 0] = 0
        table.weight[0] = 0
    return table


def _tower(make: Layers, inputs: int, widths: list[int], outputs: int) -> nn.Module:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [make.linear(inputs, width, activated=True), make.activation(), *make.dropout()]
        inputs = width
    return nn.Sequential(*layers, make.linear(inputs, outputs, activated=False))
