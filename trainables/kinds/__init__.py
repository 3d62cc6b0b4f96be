"""The built-in models as data: name → hyperparameters, forms of data and tasks. No torch.

A new model is a file here, one in `models/` that builds it, a ready-made space in
`spaces/presets`, and an example. `config` and the sweep file's checks read it.
"""

from lanewise.trainables.kinds.autoencoder import AUTOENCODER
from lanewise.trainables.kinds.cnn import CNN
from lanewise.trainables.kinds.gan import GAN
from lanewise.trainables.kinds.kind import Kind as Kind
from lanewise.trainables.kinds.mlp import MLP
from lanewise.trainables.kinds.recommender import RECOMMENDER
from lanewise.trainables.kinds.recurrent import GRU, LSTM, RNN
from lanewise.trainables.kinds.text import TEXT
from lanewise.trainables.kinds.transformer import TRANSFORMER

KINDS: dict[str, Kind] = {
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
