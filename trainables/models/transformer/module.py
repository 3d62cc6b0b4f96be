"""The Transformer's encoder over steps, over the columns of a table, or over tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.attention import Linear
from lanewise.trainables.models.common.embedding import TokenEmbedding
from lanewise.trainables.models.common.encoder import Encoder, Pooling, Positions, Sizes, dropout


def transformer(config: Mapping[str, Any], info: Info) -> nn.Module:
    """An encoder, its states pooled, and a linear layer: outputs [B, C].

    Inputs: sequences [B, T, F], each step a linear map of its F features; tables [B, F], each
    column a vector times its value, and one more vector; or tokens [B, T], padding left out of
    attention and pooling. Attention has no dropout. Packs.
    """
    return Transformer(config, info)


class Transformer(nn.Module):
    def __init__(self, config: Mapping[str, Any], info: Info) -> None:
        super().__init__()
        width = config["width"]
        self.embedding: TokenEmbedding | None = None
        steps = info.input_shape[0]
        if info.form == "text":
            self.embedding = TokenEmbedding(config, info, width)
            steps = self.embedding.length
        elif info.form == "sequence":
            self.into: nn.Module = Linear(info.input_shape[1], width)
        else:
            self.into = Columns(steps, width)
        # The columns of a table have vectors of their own, and no order.
        has_order = info.form != "table"
        self.positions = Positions(config["positions"], steps, width) if has_order else None
        self.token: ClassToken | None = ClassToken(width) if config["pooling"] == "cls" else None
        self.dropout = dropout(config["dropout"])
        self.encoder = Encoder(sizes_of(config, width, config["dropout"]))
        self.pooling = Pooling("first" if self.token is not None else config["pooling"])
        self.head = nn.Linear(width, info.outputs)

    def forward(self, x: Tensor) -> Tensor:
        known_BT = None
        if self.embedding is not None:
            x_BTD, known_BT = self.embedding(x)
        else:
            x_BTD = self.into(x)
        if self.positions is not None:
            x_BTD = self.positions(x_BTD)
        if self.token is not None:
            x_BTD, known_BT = self.token(x_BTD, known_BT)
        x_BTD = self.encoder(self.dropout(x_BTD), known_BT)
        found: Tensor = self.head(self.pooling(x_BTD, known_BT))
        return found


def sizes_of(config: Mapping[str, Any], width: int, rate: float) -> Sizes:
    """Of an encoder's part of a configuration."""
    return Sizes(
        width,
        config["layers"],
        config["heads"],
        config["ratio"],
        config["activation"],
        rate,
        config["pre_norm"],
    )


class Columns(nn.Module):
    """Each column of a table as a vector: [B, F] → [B, F, D].

    The feature tokenizer of Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular
    Data": a vector of the column times its value, and one more vector.
    """

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.slope_FD = nn.Parameter(torch.empty(columns, width))
        self.start_FD = nn.Parameter(torch.empty(columns, width))
        bound = width**-0.5
        nn.init.uniform_(self.slope_FD, -bound, bound)
        nn.init.uniform_(self.start_FD, -bound, bound)

    def forward(self, x_BF: Tensor) -> Tensor:
        return x_BF.unsqueeze(2) * self.slope_FD + self.start_FD


class ClassToken(nn.Module):
    """One more step in front, whose last state is read: [B, T, D] → [B, T + 1, D].

    Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers".
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token_D = nn.Parameter(torch.empty(width))
        nn.init.normal_(self.token_D, std=0.02)

    def forward(self, x_BTD: Tensor, known_BT: Tensor | None) -> tuple[Tensor, Tensor | None]:
        first = self.token_D.expand(len(x_BTD), 1, -1)
        if known_BT is not None:
            known_BT = torch.cat([torch.ones_like(known_BT[:, :1]), known_BT], 1)
        return torch.cat([first, x_BTD], 1), known_BT
