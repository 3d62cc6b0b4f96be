"""The built-in models, one folder each: name → hyperparameters, data, tasks, builder, space.

A row here registers a model; everything else is derived from it. A folder's `__init__` knows no
torch: sweep files are checked with it. Its `module` builds the network, `common/` is what several
are made of.
"""

from lanewise.trainables.models.autoencoder import AUTOENCODER
from lanewise.trainables.models.cnn import CNN
from lanewise.trainables.models.gan import GAN
from lanewise.trainables.models.mlp import MLP
from lanewise.trainables.models.model_type import ModelType
from lanewise.trainables.models.recommender import RECOMMENDER
from lanewise.trainables.models.recurrent import GRU, LSTM, RNN
from lanewise.trainables.models.text import TEXT
from lanewise.trainables.models.transformer import TRANSFORMER

MODELS: dict[str, ModelType] = {
    "mlp": MLP,
    "cnn": CNN,
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "text": TEXT,
    "transformer": TRANSFORMER,
    "autoencoder": AUTOENCODER,
    "recommender": RECOMMENDER,
    "gan": GAN,
}
