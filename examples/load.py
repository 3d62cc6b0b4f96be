"""Hourly load of a small grid: a trend, the hours of a day, the days of a week, weather, noise.

The shapes are made up and known, so that a forecast can be judged: what the weather and the noise
do from one hour to the next is all that nobody can foretell.
"""

import numpy as np
import pandas as pd

HOURS = 24 * 7 * 12


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hour = np.arange(HOURS)
    day = 12 * np.sin(2 * np.pi * (hour - 8) / 24) + 5 * np.sin(4 * np.pi * (hour - 3) / 24)
    weekend = np.where(hour // 24 % 7 >= 5, -9.0, 0.0)
    weather = np.zeros(HOURS)
    for now in range(1, HOURS):  # it changes slowly: the last hours say more than yesterday
        weather[now] = 0.97 * weather[now - 1] + rng.normal(0, 1.5)
    load = 80 + 0.004 * hour + day + weekend + weather + rng.normal(0, 1, HOURS)
    return pd.DataFrame({"hour": hour, "load": load.round(2)})
