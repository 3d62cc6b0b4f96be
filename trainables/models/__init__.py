"""The built-in models: name → build(config, info) → nn.Module with outputs [B, info.outputs].

What each takes stands in `kinds/`. Imports torch; only what trains imports it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.autoencoder import autoencoder
from lanewise.trainables.models.cnn import cnn
from lanewise.trainables.models.gan import gan
from lanewise.trainables.models.mlp import mlp
from lanewise.trainables.models.recommender import recommender
from lanewise.trainables.models.recurrent import gru, lstm, rnn
from lanewise.trainables.models.text import text
from lanewise.trainables.models.transformer import transformer

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
