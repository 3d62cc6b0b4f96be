"""Tokens of a text as vectors. B batch, T tokens, V known tokens, D width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.data.tokens import FIRST, PADDING, UNKNOWN


class TokenEmbedding(nn.Module):
    """Token ids [B, T] as vectors [B, t, D], and where there is a token at all, bool [B, t].

    Ids are sorted by frequency: a configuration's `vocabulary` is how many of the most frequent
    tokens are known, the others become the unknown one; `length` is t, the first tokens read.
    """

    def __init__(self, config: Mapping[str, Any], info: Info, width: int) -> None:
        super().__init__()
        assert isinstance(info.vocabulary, int)
        vocabulary, length = config["vocabulary"], config["length"]
        most = info.vocabulary if vocabulary is None else FIRST + vocabulary
        self.ids = min(most, info.vocabulary)
        self.is_cut = self.ids < info.vocabulary
        self.length = info.input_shape[0] if length is None else min(length, info.input_shape[0])
        self.vectors = nn.Embedding(self.ids, width)

    def forward(self, x_BT: Tensor) -> tuple[Tensor, Tensor]:
        x_Bt = x_BT[:, : self.length]
        if self.is_cut:
            x_Bt = torch.where(x_Bt < self.ids, x_Bt, UNKNOWN)
        return self.vectors(x_Bt), x_Bt != PADDING
