"""The built-in models as data: name → hyperparameters, forms of data and tasks. No torch.

A new model is a file here, one in `models/` that builds it, a ready-made space in
`spaces/presets`, and an example. `config` and the sweep file's checks read it.
"""

from trainables.kinds.autoencoder import AUTOENCODER
from trainables.kinds.cnn import CNN
from trainables.kinds.gan import GAN
from trainables.kinds.kind import Kind as Kind
from trainables.kinds.mlp import MLP
from trainables.kinds.recommender import RECOMMENDER
from trainables.kinds.recurrent import GRU, LSTM, RNN
from trainables.kinds.text import TEXT
from trainables.kinds.transformer import TRANSFORMER

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
