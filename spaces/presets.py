"""Ready-made spaces: where an expert would start."""

from collections.abc import Callable

from lanewise.spaces.choices import Choice
from lanewise.spaces.compounds import Repeat
from lanewise.spaces.ranges import Float, Int
from lanewise.spaces.space import Space


def mlp() -> Space:
    """Return a space for the feed-forward network on small and medium tables."""
    return Space(
        {
            "hidden": Repeat(Int(16, 256, log=True), times=(1, 3)),
            "activation": Choice(["relu", "gelu", "silu", "tanh"]),
            "dropout": Float(0.0, 0.5),
            "l2": Float(1e-6, 1e-2, log=True),
            "lr": Float(1e-4, 1e-1, log=True),
            "optimizer": Choice(
                [
                    # From 0.5, since torch refuses Nesterov's method without momentum.
                    {"sgd": {"momentum": Float(0.5, 0.99), "nesterov": Choice([True, False])}},
                    "adam",
                    {"adamw": {"weight_decay": Float(1e-5, 1e-1, log=True)}},
                    "rmsprop",
                ]
            ),
            "batch_size": Choice([32, 64, 128]),
            # Without pre_norm: it needs a norm, and no norm is worth a try.
            "norm": Choice([None, "batch", "layer"]),
            "residual": Choice([False, True]),
            "init": Choice([None, "he_normal", "orthogonal"]),
        }
    )


def cnn() -> Space:
    """Return a space for the convolutional network on small pictures."""
    return Space(
        {
            # A few shapes rather than any: networks of one shape train together.
            "channels": Choice([[16, 32], [32, 64], [16, 32, 64]]),
            "convolutions": Choice([1, 2]),
            "down": Choice(["max", "stride"]),
            "global_pool": Choice(["avg", None]),
            "dropout": Float(0.0, 0.5),
            "spatial_dropout": Float(0.0, 0.3),
            "shift": Int(0, 2),
            "lr": Float(3e-4, 3e-2, log=True),
            "optimizer": Choice(
                [
                    {"sgd": {"momentum": Float(0.8, 0.99)}},
                    "adam",
                    {"adamw": {"weight_decay": Float(1e-4, 1e-1, log=True)}},
                ]
            ),
            "schedule": Choice(["constant", "cosine"]),
            "batch_size": Choice([32, 64, 128]),
        }
    )


def recommender() -> Space:
    """Return a space for ratings: factorisation, a tower beside it or not, each table's decay."""
    return Space(
        {
            "factors": Int(4, 64, log=True),
            "tower": Choice([[], [32], [64, 32]]),
            "user_embedding": Int(8, 32, log=True),
            "item_embedding": Int(8, 32, log=True),
            "dropout": Float(0.0, 0.4),
            "l2_user": Float(1e-4, 1.0, log=True),
            "l2_item": Float(1e-4, 1.0, log=True),
            "embedding_std": Float(0.01, 0.3, log=True),
            "lr": Float(1e-3, 3e-2, log=True),
            "optimizer": Choice(["adam", "adagrad"]),
            "batch_size": Choice([128, 256, 512]),
        }
    )


def autoencoder() -> Space:
    """Return a space for dense autoencoders, plain or of noised inputs, on tables and images."""
    return Space(
        {
            "hidden": Repeat(Int(32, 256, log=True), times=(1, 2)),
            "code": Int(4, 64, log=True),
            "activation": Choice(["relu", "gelu", "tanh"]),
            "dropout": Float(0.0, 0.3),
            "noise": Float(0.0, 0.5),
            "l2": Float(1e-7, 1e-3, log=True),
            "lr": Float(3e-4, 1e-2, log=True),
            "optimizer": Choice(["adam", "adamw"]),
            "batch_size": Choice([32, 64, 128]),
            "norm": Choice([None, "batch"]),
        }
    )


def _recurrent() -> dict[str, object]:
    """Return what recurrent networks share: sizes, and what keeps gradients in bounds."""
    return {
        "hidden": Repeat(Int(16, 128, log=True), times=(1, 2)),
        "bidirectional": Choice([False, True]),
        "pooling": Choice(["last", "mean", "max"]),
        "dropout": Float(0.0, 0.4),
        "recurrent_dropout": Float(0.0, 0.4),
        "norm": Choice([None, "layer"]),
        "clip_norm": Float(0.3, 10.0, log=True),
        "lr": Float(3e-4, 3e-2, log=True),
        "optimizer": Choice(["adam", "adamw", "rmsprop"]),
        "schedule": Choice(["constant", "cosine"]),
        "batch_size": Choice([32, 64, 128]),
    }


def rnn() -> Space:
    """Return a space for plain recurrent networks, which forget and explode soonest."""
    return Space({**_recurrent(), "nonlinearity": Choice(["tanh", "relu"])})


def gru() -> Space:
    """Return a space for gated recurrent units on sequences and series."""
    return Space(_recurrent())


def lstm() -> Space:
    """Return a space for long short-term memory on sequences and series."""
    return Space({**_recurrent(), "forget_bias": Choice([0.0, 1.0, 2.0])})


def gan() -> Space:
    """Return a space for generators of tables: the game, both networks and both learning rates."""
    return Space(
        {
            "latent": Int(4, 64, log=True),
            "hidden": Repeat(Int(64, 256, log=True), times=(2, 3)),
            "critic_hidden": Repeat(Int(64, 256, log=True), times=(2, 3)),
            "game": Choice(
                [
                    {"standard": {"r1": Float(0.01, 1.0, log=True)}},
                    {"wasserstein": {"penalty": Float(0.1, 10.0, log=True)}},
                    {"hinge": {"r1": Float(0.01, 1.0, log=True)}},
                ]
            ),
            "critic_steps": Int(1, 3),
            "lr": Float(1e-4, 3e-3, log=True),
            "critic_lr": Float(1e-4, 3e-3, log=True),
            # Little momentum: the other player's last step has changed what is descended.
            "optimizer": Choice([{"adam": {"beta1": Float(0.0, 0.9)}}, "rmsprop"]),
            "batch_size": Choice([64, 128, 256]),
        }
    )


def text() -> Space:
    """Return a space for short texts: recurrent, a Transformer, or the words without order."""
    sizes = {"hidden": Choice([32, 64, 128]), "layers": Int(1, 2)}
    return Space(
        {
            "encoder": Choice(
                ["bag", {"gru": sizes}, {"lstm": sizes}, {"transformer": {"layers": Int(1, 3)}}]
            ),
            "embedding": Choice([32, 64, 128]),
            "vocabulary": Choice([None, 5000, 1000]),
            "length": Choice([None, 64]),
            "pooling": Choice(["mean", "max"]),
            "dropout": Float(0.0, 0.5),
            "lr": Float(3e-4, 1e-2, log=True),
            "optimizer": Choice(["adam", {"adamw": {"weight_decay": Float(1e-4, 1e-1, log=True)}}]),
            "batch_size": Choice([32, 64]),
        }
    )


def transformer() -> Space:
    """Return a space for the Transformer's encoder on sequences, tables and texts."""
    return Space(
        {
            "layers": Int(1, 3),
            # Widths and heads of which all go together.
            "width": Choice([32, 64, 128]),
            "heads": Choice([2, 4, 8]),
            "ratio": Choice([2, 4]),
            "dropout": Float(0.0, 0.3),
            "pooling": Choice(["mean", "cls"]),
            "lr": Float(1e-4, 1e-2, log=True),
            "schedule": Choice([{"cosine": {"warmup": Int(0, 5)}}]),
            "optimizer": Choice([{"adamw": {"weight_decay": Float(1e-4, 1e-1, log=True)}}]),
            "batch_size": Choice([32, 64, 128]),
        }
    )


PRESETS: dict[str, Callable[[], Space]] = {
    "mlp": mlp,
    "cnn": cnn,
    "rnn": rnn,
    "gru": gru,
    "lstm": lstm,
    "autoencoder": autoencoder,
    "recommender": recommender,
    "gan": gan,
    "text": text,
    "transformer": transformer,
}
