"""The built-in models: name → build(config, info) → nn.Module with outputs [B, info.outputs].

What each takes stands in `kinds/`. Imports torch; only what trains imports it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from trainables.data.dataset import Info
from trainables.models.autoencoder import autoencoder
from trainables.models.cnn import cnn
from trainables.models.gan import gan
from trainables.models.mlp import mlp
from trainables.models.recommender import recommender
from trainables.models.recurrent import gru, lstm, rnn
from trainables.models.text import text
from trainables.models.transformer import transformer

MODELS: dict[str, Callable[[Mapping[str, Any], Info], nn.Module]] = {
    "mlp": mlp,
    "cnn": cnn,
    "rnn": rnn,
    "gru": gru,
    "lstm": lstm,
    "text": text,
    "transformer": transformer,
    "autoencoder": autoencoder,
    "recommender": recommender,
    "gan": gan,
}
