"""The encoder of a Transformer, and how its states become one vector. B batch, T steps, D width."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.models.common.attention import Linear, attend, normed

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


@dataclass(frozen=True)
class Sizes:
    """What an encoder is built of.

    ratio: of the width between the two linear layers of a feed-forward part to `width`.
    """

    width: int
    layers: int
    heads: int
    ratio: float
    activation: str
    dropout: float
    pre_norm: bool


class Encoder(nn.Module):
    """Layers of attention and a feed-forward part: [B, T, D] → [B, T, D].

    Vaswani et al. 2017, "Attention Is All You Need"; with `pre_norm` the norms stand in front of
    the parts and behind the last layer, as in Xiong et al. 2020, "On Layer Normalization in the
    Transformer Architecture". Dropout is behind the parts and between the linear layers, none on
    the attention's weights.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width) if sizes.pre_norm else nn.Identity()

    def forward(self, x_BTD: Tensor, known_BT: Tensor | None = None) -> Tensor:
        """known_BT: False at padding; None where there is none."""
        for layer in self.layers:
            x_BTD = layer(x_BTD, known_BT)
        normed: Tensor = self.norm(x_BTD)
        return normed


class Layer(nn.Module):
    """One layer of an encoder; as nn.TransformerEncoderLayer without dropout in the attention."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, inner = sizes.width, feed_forward_width(sizes.width, sizes.ratio)
        self.heads, self.pre_norm = sizes.heads, sizes.pre_norm
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = _linear(width, 3 * width), _linear(width, width)
        self.into, self.back = _linear(width, inner), _linear(inner, width)
        self.activation = ACTIVATIONS[sizes.activation]()
        self.dropout1, self.dropout2, self.dropout3 = (dropout(sizes.dropout) for _ in range(3))

    def forward(self, x_BTD: Tensor, known_BT: Tensor | None) -> Tensor:
        if self.pre_norm:
            x_BTD = x_BTD + self._attention(normed(x_BTD, self.norm1, self.qkv), known_BT)
            return x_BTD + self._feed_forward(normed(x_BTD, self.norm2, self.into))
        x_BTD = self.norm1(x_BTD + self._attention(self.qkv(x_BTD), known_BT))
        found: Tensor = self.norm2(x_BTD + self._feed_forward(self.into(x_BTD)))
        return found

    def _attention(self, qkv_BTE: Tensor, known_BT: Tensor | None) -> Tensor:
        found: Tensor = self.dropout1(self.out(attend(qkv_BTE, self.heads, known_BT)))
        return found

    def _feed_forward(self, x_BTI: Tensor) -> Tensor:
        found: Tensor = self.dropout3(self.back(self.dropout2(self.activation(x_BTI))))
        return found


def feed_forward_width(width: int, ratio: float) -> int:
    return max(1, round(ratio * width))


def dropout(p: float) -> nn.Module:
    return nn.Dropout(p) if p > 0 else nn.Identity()


def _linear(inputs: int, outputs: int) -> Linear:
    """As nn.MultiheadAttention begins: Glorot's uniform weights, no bias."""
    layer = Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Positions(nn.Module):
    """Adds what tells a step's place: [B, T, D] → [B, T, D].

    kind: "learned", a vector for each step; or "sinusoidal", Vaswani et al. 2017, section 3.5.
    """

    def __init__(self, kind: str, steps: int, width: int) -> None:
        super().__init__()
        self.places_TD: Tensor
        if kind == "learned":
            self.places_TD = nn.Parameter(torch.empty(steps, width))
            nn.init.normal_(self.places_TD, std=0.02)
        else:
            self.register_buffer("places_TD", sinusoids(steps, width))

    def forward(self, x_BTD: Tensor) -> Tensor:
        return x_BTD + self.places_TD


def sinusoids(steps: int, width: int) -> Tensor:
    """sin(t / 10000^(2i/D)) at 2i, the cosine at 2i + 1; [T, D]."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(steps).unsqueeze(1) * rates
    both = torch.stack([angles.sin(), angles.cos()], 2)
    return both.reshape(steps, -1)[:, :width].contiguous()


class Pooling(nn.Module):
    """One vector of the states of all steps, without the padding: [B, T, D] → [B, D].

    kind: "mean", "max", "last" (the last known step) or "first" (that of a class token).
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x_BTD: Tensor, known_BT: Tensor | None = None) -> Tensor:
        if self.kind == "first":
            return x_BTD[:, 0]
        if known_BT is None:
            if self.kind == "mean":
                return x_BTD.mean(1)
            return x_BTD.amax(1) if self.kind == "max" else x_BTD[:, -1]
        known_BT1 = known_BT.unsqueeze(2)
        if self.kind == "max":
            return x_BTD.masked_fill(~known_BT1, -math.inf).amax(1)
        weights_BT1 = known_BT1.to(x_BTD.dtype)
        if self.kind == "last":
            next_BT1 = F.pad(weights_BT1[:, 1:], (0, 0, 0, 1))
            return (x_BTD * (weights_BT1 - next_BT1)).sum(1)
        return (x_BTD * weights_BT1).sum(1) / weights_BT1.sum(1)
