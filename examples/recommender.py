"""Ratings of films that nobody made, whose structure is known: what a recommender can find.

A rating is the mean, plus what a user gives more or less than others, plus what a film gets, plus
how well the two go together in three tastes, plus noise. Of the ratings' variance

    bias of users 0.20, bias of films 0.15, tastes 0.40, noise 0.25

so that nothing can explain more than 0.75 of it, and biases alone no more than 0.35.
"""

import numpy as np
import pandas as pd

USERS, ITEMS, TASTES, RATINGS = 300, 200, 3, 15_000


def ratings() -> tuple[pd.DataFrame, str]:
    """The table, and the name of its target."""
    rng = np.random.default_rng(0)
    user_bias = _standard(rng.normal(size=USERS)) * np.sqrt(0.20)
    item_bias = _standard(rng.normal(size=ITEMS)) * np.sqrt(0.15)
    tastes = _standard(rng.normal(size=(USERS, TASTES)) @ rng.normal(size=(TASTES, ITEMS)))
    # A quarter of all pairs, of which some films have many and most have few.
    fame = rng.lognormal(sigma=0.5, size=(1, ITEMS)) * rng.lognormal(sigma=0.5, size=(USERS, 1))
    chosen = rng.choice(USERS * ITEMS, RATINGS, replace=False, p=(fame / fame.sum()).ravel())
    user, item = np.unravel_index(chosen, (USERS, ITEMS))
    clean = user_bias[user] + item_bias[item] + tastes[user, item] * np.sqrt(0.40)
    rating = 3.5 + clean + rng.normal(size=RATINGS) * np.sqrt(0.25)
    frame = pd.DataFrame(
        {
            "user": [f"u{number}" for number in user],
            "film": [f"f{number}" for number in item],
            "rating": rating.round(2),
        }
    )
    return frame, "rating"


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()
