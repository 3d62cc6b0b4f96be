"""The rows of the recorded workloads; the sweep files beside this name them.

The generated ones have noise that nobody can predict, and all have few rows to train on: what is
best on a validation part is not quite best on others, as in practice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

WRONG = 0.05  # of the labels
HOURS = 24 * 50


def table() -> tuple[pd.DataFrame, str]:
    """2,400 rows of three classes: nonlinear in 6 of 14 numbers, with two categories."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2400, 14))
    city, plan = rng.integers(0, 5, 2400), rng.integers(0, 3, 2400)
    scores = np.stack(
        [
            1.4 * x[:, 0] * x[:, 1] + 0.8 * x[:, 2] + 0.9 * (plan == 1),
            1.2 * np.sin(2 * x[:, 3]) - 0.7 * x[:, 2] + 0.6 * np.isin(city, (0, 3)),
            0.9 * x[:, 4] ** 2 - 0.6 + 0.7 * x[:, 5] * (plan == 2),
        ]
    )
    labels = (scores + rng.gumbel(size=scores.shape) * 0.35).argmax(0)
    wrong = rng.random(2400) < WRONG
    labels[wrong] = rng.integers(0, 3, int(wrong.sum()))
    frame = pd.DataFrame(x.round(4), columns=[f"x{number}" for number in range(14)])
    frame["city"] = [f"city {letter}" for letter in np.array(list("abcde"))[city]]
    frame["plan"] = np.array(["free", "basic", "full"])[plan]
    frame["group"] = [f"g{label}" for label in labels]
    return frame, "group"


def image() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """1,000 of scikit-learn's handwritten digits, 8 × 8 pixels each."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:1000]
    return X[rows], y[rows]


def series() -> pd.DataFrame:
    """Hours of a load that swings by day and week, and remembers its last hours nonlinearly."""
    rng = np.random.default_rng(0)
    hour = np.arange(HOURS)
    day = 3 * np.sin(2 * np.pi * (hour - 8) / 24) + np.sin(4 * np.pi * (hour - 3) / 24)
    weekend = np.where(hour // 24 % 7 >= 5, -2.0, 0.0)
    state = np.zeros(HOURS)
    for now in range(2, HOURS):
        before, earlier = state[now - 1], state[now - 2]
        state[now] = 0.6 * before + 2 * np.tanh(before - earlier) + rng.normal(0, 0.8)
    load = 20 + day + weekend + state + rng.normal(0, 0.3, HOURS)
    return pd.DataFrame({"hour": hour, "load": load.round(3)})


TEXTS, WORDS, TOPICS = 1800, 200, 4


def text() -> tuple[pd.DataFrame, str]:
    """Texts of 5 to 10 words, of which some are a little more frequent in each of four topics."""
    rng = np.random.default_rng(0)
    common = 1 / np.arange(5, WORDS + 5)  # as words are: few of them are most of a text
    shares = common * np.exp(rng.normal(0, 0.9, (TOPICS, WORDS)))
    shares /= shares.sum(1, keepdims=True)
    topics = rng.integers(0, TOPICS, TEXTS)
    texts = [
        " ".join(f"w{word}" for word in rng.choice(WORDS, rng.integers(5, 11), p=shares[topic]))
        for topic in topics
    ]
    wrong = rng.random(TEXTS) < WRONG
    topics[wrong] = rng.integers(0, TOPICS, int(wrong.sum()))
    return pd.DataFrame({"text": texts, "topic": [f"t{topic}" for topic in topics]}), "topic"
