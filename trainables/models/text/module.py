"""Texts: an encoder over the vectors of their tokens. B batch, T tokens, E embedding, H hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.embedding import TokenEmbedding
from lanewise.trainables.models.common.encoder import Encoder, Pooling, Positions, dropout
from lanewise.trainables.models.transformer.module import sizes_of


def text(config: Mapping[str, Any], info: Info) -> nn.Module:
    """An embedding, an encoder, the states of all tokens pooled, and a linear layer.

    Inputs: numbers of tokens [B, T], see `tokens`; outputs [B, C]. What a text gives does not
    depend on how much padding is behind it. Packs.
    """
    return TextModel(config, info)


class TextModel(nn.Module):
    def __init__(self, config: Mapping[str, Any], info: Info) -> None:
        super().__init__()
        embedding, encoder, rate = config["embedding"], config["encoder"], config["dropout"]
        self.embedding = TokenEmbedding(config, info, embedding)
        self.dropout = dropout(rate)
        self.positions: Positions | None = None
        self.encoder: Encoder | Recurrent | None = None
        width = embedding
        if encoder["name"] == "transformer":
            self.positions = Positions(encoder["positions"], self.embedding.length, embedding)
            self.encoder = Encoder(sizes_of(encoder, embedding, rate))
        elif encoder["name"] != "bag":
            self.encoder = Recurrent(encoder, embedding, rate)
            width = self.encoder.width
        self.pooling = Pooling(config["pooling"])
        self.behind = dropout(rate)
        self.head = nn.Linear(width, info.outputs)

    def forward(self, x_BT: Tensor) -> Tensor:
        x_BTE, known_BT = self.embedding(x_BT)
        if self.positions is not None:
            x_BTE = self.positions(x_BTE)
        x_BTE = self.dropout(x_BTE)
        if self.encoder is not None:
            x_BTE = self.encoder(x_BTE, known_BT)
        found: Tensor = self.head(self.behind(self.pooling(x_BTE, known_BT)))
        return found


_LAYERS = {"gru": nn.GRU, "lstm": nn.LSTM}


class Recurrent(nn.Module):
    """Recurrent layers with dropout between them: [B, T, E] → [B, T, H], or 2 H in two directions.

    The second direction begins at a text's last token, not in the padding.
    """

    def __init__(self, encoder: Mapping[str, Any], embedding: int, rate: float) -> None:
        super().__init__()
        make, hidden = _LAYERS[encoder["name"]], encoder["hidden"]
        self.width = 2 * hidden if encoder["bidirectional"] else hidden
        inputs = [embedding, *[self.width] * (encoder["layers"] - 1)]
        self.ahead = nn.ModuleList(make(n, hidden, batch_first=True) for n in inputs)
        back = inputs if encoder["bidirectional"] else []
        self.back = nn.ModuleList(make(n, hidden, batch_first=True) for n in back)
        self.dropouts = nn.ModuleList(dropout(rate) for _ in inputs[1:])

    def forward(self, x_BTE: Tensor, known_BT: Tensor) -> Tensor:
        turned_BT1 = turned(known_BT).unsqueeze(2)
        for place, layer in enumerate(self.ahead):
            if place:
                x_BTE = self.dropouts[place - 1](x_BTE)
            y_BTH = layer(x_BTE)[0]
            if self.back:
                behind_BTE = x_BTE.gather(1, turned_BT1.expand(-1, -1, x_BTE.shape[2]))
                back_BTH = self.back[place](behind_BTE)[0]
                back_BTH = back_BTH.gather(1, turned_BT1.expand(-1, -1, back_BTH.shape[2]))
                y_BTH = torch.cat([y_BTH, back_BTH], 2)
            x_BTE = y_BTH
        return x_BTE


def turned(known_BT: Tensor) -> Tensor:
    """The places of a text's tokens from its last to its first, the padding's as they are."""
    place_T = torch.arange(known_BT.shape[1], device=known_BT.device)
    last_B1 = known_BT.sum(1, keepdim=True) - 1
    return torch.where(known_BT, last_B1 - place_T, place_T)
