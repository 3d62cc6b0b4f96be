"""Recurrent networks over sequences. B batch, T steps, F features, H state, D directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.initialise import orthogonal
from lanewise.trainables.models.common.layers import Layers

# The rows of torch's recurrent weights stand gate by gate: one for rnn; reset, update, new for
# gru; input, forget, cell, output for lstm.
_GATES = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}


def rnn(config: Mapping[str, Any], info: Info) -> nn.Module:
    """Elman 1990, "Finding Structure in Time": h_t = tanh or relu of W x_t + U h_(t−1) + b.

    Sequences [B, T, F] to outputs [B, C]; else as `lstm`, and it packs as that does.
    """
    kind = config["nonlinearity"]
    return _network(config, info, lambda i, h, both: _layer(nn.RNN, i, h, both, nonlinearity=kind))


def gru(config: Mapping[str, Any], info: Info) -> nn.Module:
    """Gated recurrent units, Cho et al. 2014, "Learning Phrase Representations using RNN
    Encoder-Decoder for Statistical Machine Translation".

    Sequences [B, T, F] to outputs [B, C]; else as `lstm`, and it packs as that does.
    """
    return _network(config, info, lambda i, h, both: _layer(nn.GRU, i, h, both))


def lstm(config: Mapping[str, Any], info: Info) -> nn.Module:
    """Long short-term memory, Hochreiter & Schmidhuber 1997, of one layer per size in `hidden`.

    Inputs [B, T, F], of which the last `window` steps are read; outputs [B, info.outputs], for
    forecasting [B, horizon · series], a step's series beside each other. Behind each layer comes a
    layer norm, if any, and dropout; then pooling over the steps, dense layers, a linear one.

    Weights from state to state start orthogonal (Saxe et al. 2014), those from inputs as Glorot &
    Bengio 2010 have them, gate by gate; biases at 0, the forget gate's at `forget_bias`, by default
    1 (Jozefowicz et al. 2015, "An Empirical Exploration of Recurrent Network Architectures").
    `recurrent_dropout` is the weight-drop of Merity et al. 2017, "Regularizing and Optimizing LSTM
    Language Models". Packs, by kernels of our own in place of torch's.
    """

    def layer(inputs: int, hidden: int, bidirectional: bool) -> nn.RNNBase:
        made = _layer(nn.LSTM, inputs, hidden, bidirectional)
        with torch.no_grad():
            for name, bias in made.named_parameters():
                if name.startswith("bias_ih"):
                    bias[hidden : 2 * hidden].fill_(config["forget_bias"])
        return made

    return _network(config, info, layer)


def _layer(
    kind: type[nn.RNNBase], inputs: int, hidden: int, bidirectional: bool, **options: Any
) -> nn.RNNBase:
    make: Any = kind
    made: nn.RNNBase = make(
        inputs, hidden, batch_first=True, bidirectional=bidirectional, **options
    )
    with torch.no_grad():
        for name, tensor in made.named_parameters():
            if name.startswith("bias"):
                tensor.zero_()
                continue
            for gate in tensor.chunk(_GATES[kind]):
                if name.startswith("weight_hh"):
                    orthogonal(gate, 1.0)
                else:
                    nn.init.xavier_uniform_(gate)
    return made


def _network(
    config: Mapping[str, Any], info: Info, layer: Callable[[int, int, bool], nn.RNNBase]
) -> nn.Module:
    make, features = Layers(config), info.input_shape[-1]
    directions = 2 if config["bidirectional"] else 1
    layers: list[nn.Module] = []
    width = features
    for number, hidden in enumerate(config["hidden"], 1):
        layers.append(Recurrence(layer(width, hidden, directions == 2), config))
        width = hidden * directions
        layers += make.norm(width)
        if number < len(config["hidden"]):
            layers += make.dropout()
    head: list[nn.Module] = make.dropout()
    for dense in config["dense"]:
        head += [make.linear(width, dense, activated=True), make.activation(), *make.dropout()]
        width = dense
    head.append(make.linear(width, info.outputs, activated=False))
    pool = Pool(config["pooling"], directions)
    return Recurrent(layers, pool, head, config["window"], config["from_last"])


class Recurrence(nn.Module):
    """One of torch's layers, [B, T, F] → [B, T, D·H]; in training with dropped weights."""

    def __init__(self, layer: nn.RNNBase, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.layer = layer
        p = config["recurrent_dropout"]
        self.weight_drop = nn.Dropout(p) if p > 0 else None

    def forward(self, x_BTF: Tensor) -> Tensor:
        if self.weight_drop is None or not self.training:
            states_BTH: Tensor = self.layer(x_BTF)[0]
            return states_BTH
        weights = dict(self.layer.named_parameters())
        drop = self.weight_drop
        dropped = {n: drop(w) for n, w in weights.items() if n.startswith("weight_hh")}
        states_BTH = functional_call(self.layer, dropped, (x_BTF,))[0]
        return states_BTH  # noqa: RET504  (mypy needs the name's type)


class Pool(nn.Module):
    """From the states of all steps [B, T, D·H] to one vector [B, D·H].

    The last state of a layer that reads backwards is that of the first step.
    """

    def __init__(self, pooling: str, directions: int) -> None:
        super().__init__()
        self.pooling, self.directions = pooling, directions

    def forward(self, states_BTH: Tensor) -> Tensor:
        if self.pooling == "mean":
            return states_BTH.mean(1)
        if self.pooling == "max":
            return states_BTH.amax(1)
        if self.directions == 1:
            return states_BTH[:, -1]
        forwards, backwards = states_BTH.chunk(2, -1)
        return torch.cat([forwards[:, -1], backwards[:, 0]], -1)


class Recurrent(nn.Module):
    """Layers over a sequence, pooling, and a head.

    With `from_last` the last step is subtracted from the sequence and added to every step of the
    forecast, as in NLinear of Zeng et al. 2023, "Are Transformers Effective for Time Series
    Forecasting?". Inputs and targets are standardised alike.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        pool: Pool,
        head: Sequence[nn.Module],
        window: int | None,
        from_last: bool,
    ) -> None:
        super().__init__()
        self.layers, self.pool, self.head = nn.Sequential(*layers), pool, nn.Sequential(*head)
        self.window, self.from_last = window, from_last

    def forward(self, x_BTF: Tensor) -> Tensor:
        if self.window is not None:
            x_BTF = x_BTF[:, -self.window :]
        last_BF = x_BTF[:, -1]
        if self.from_last:
            x_BTF = x_BTF - last_BF.unsqueeze(1)
        made_BO: Tensor = self.head(self.pool(self.layers(x_BTF)))
        if self.from_last:
            made_BO = made_BO + last_BF.repeat(1, made_BO.shape[1] // last_BF.shape[1])
        return made_BO
