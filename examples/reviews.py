"""Generated reviews whose verdict is in the order of their words, for `text.yaml`.

A review is two clauses about a film, such as "the plot was not dull, but i found the ending weak".
The verdict is the main clause's: what stands behind "but", and what "although" does not begin. A
"not" or "never" turns an adjective around. Both clauses have words for and against, so that
counting words says little: who reads them in order can be right in all but the 2 % of the labels
that are turned around at random.
"""

from __future__ import annotations

import random

import pandas as pd

ROWS, WRONG = 4000, 0.02
GOOD = ("good", "great", "moving", "funny", "clever", "gripping", "fresh", "brilliant", "lovely")
BAD = ("bad", "dull", "weak", "boring", "silly", "tired", "flat", "awful", "clumsy")
THINGS = ("the plot", "the acting", "the music", "the ending", "the script", "the lead", "it")
VERBS = ("was", "seemed", "felt", "looked")
NEGATIONS = ("not", "never", "hardly")
EXTENTS = ("", "", "really ", "very ", "so ")


def reviews() -> tuple[pd.DataFrame, str]:
    """Columns text and verdict, "liked" or "disliked"."""
    rng = random.Random(0)
    rows = [_review(rng) for _ in range(ROWS)]
    return pd.DataFrame(rows, columns=["text", "verdict"]), "verdict"


def _review(rng: random.Random) -> tuple[str, str]:
    liked = rng.random() < 0.5
    # Half of the other clauses agree: a review need not be torn.
    main, other = _clause(rng, liked), _clause(rng, rng.random() < 0.5)
    text = rng.choice(
        (f"{other}, but {main}.", f"although {other}, {main}.", f"{main}, although {other}.")
    )
    shown = liked != (rng.random() < WRONG)
    return text, "liked" if shown else "disliked"


def _clause(rng: random.Random, liked: bool) -> str:
    negated = rng.random() < 0.5
    adjective = rng.choice(GOOD if liked != negated else BAD)
    turn = f"{rng.choice(NEGATIONS)} " if negated else ""
    extent = rng.choice(EXTENTS)
    return f"{rng.choice(THINGS)} {rng.choice(VERBS)} {turn}{extent}{adjective}"
