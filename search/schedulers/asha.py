"""ASHA, the stopping variant: asynchronous successive halving without waiting for a full rung.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020. Their Algorithm 2
promotes a configuration when it is in the top 1/eta of its rung (``top_k(rung, |rung| / eta)``).
The stopping variant asks the same question once, when a trial reaches the rung, and stops the
trial otherwise; so no trial is ever paused.
"""

from __future__ import annotations

from lanewise.search.core.history import History
from lanewise.search.core.rungs import geometric
from lanewise.search.errors import SearchError


class ASHA:
    """Stops a trial at a rung unless it is in the top 1/eta of all that have reached the rung.

    Args:
        epochs: the most epochs of a trial; its last rung.
        eta: how many trials reach a rung for one that goes on.
        min_epochs: the first rung, at most ``epochs``.

    Raises:
        SearchError: for another eta or min_epochs.
    """

    def __init__(self, epochs: int, eta: int = 3, min_epochs: int = 1) -> None:
        if not isinstance(eta, int) or isinstance(eta, bool) or eta < 2:
            raise SearchError(f"eta must be a whole number of at least 2, got {eta!r}")
        whole = isinstance(min_epochs, int) and not isinstance(min_epochs, bool)
        if not whole or not 1 <= min_epochs <= epochs:
            raise SearchError(
                f"min_epochs must be a whole number from 1 to epochs ({epochs}), got {min_epochs!r}"
            )
        self.eta = eta
        self.rungs = geometric(min_epochs, eta, epochs)

    def stops(self, history: History, number: int, rung: int) -> bool:
        scores = history.scores(rung)
        top = max(1, len(scores) // self.eta)  # the best so far always goes on
        return history.score_at(number, rung) < scores[-top]
