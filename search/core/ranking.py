"""Which of two results is the better one: the order that every view goes by.

What violates the sweep's constraints less comes first, then the better value of the objective.
Among equals, one after the other:

1. the lower validation loss at that epoch (``val_loss``, whatever direction the objective has);
   where it was not reported, or is not finite, it counts as the highest;
2. the cheaper: fewer epochs up to that one, which is what it takes to train that model again;
3. the older trial.

All of it is in the journal and none of it changes later, so that a trial's rank only rises.
No decision of a sampler or scheduler of ours depends on it: they compare values of the objective.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lanewise.search.core.events import Metrics
from lanewise.search.core.spec import Constraint, Objective, is_usable

LOSS = "val_loss"

Rank = tuple[float, float, float, int]  # of an epoch of a trial; more is better


def rank_of(
    objective: Objective, epoch: int, metrics: Metrics, constraints: Sequence[Constraint] = ()
) -> Rank:
    """The rank of a reported epoch, whose objective is usable.

    In a sweep of an older release the first of equals stays the best, as it was when its weights
    were kept (``Objective.ties``).
    """
    score = objective.score(metrics[objective.metric])
    violation = sum(each.violation(metrics) for each in constraints) if constraints else 0
    if objective.ties == "age":
        return -violation, score, 0.0, 0
    loss = metrics.get(LOSS)
    return -violation, score, -loss if loss is not None and is_usable(loss) else -math.inf, -epoch
