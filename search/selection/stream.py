"""The selection, repeated in each bootstrap, over evaluations that come one after the other.

Of all evaluations (trial × epoch), a bootstrap holds the best on the rows that it drew: its score
on them, on the rows that it did not draw, and on all. That is all the estimate needs, so an
evaluation is looked at once. E evaluations, K columns, N rows, B bootstraps.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lanewise.search.selection.sample import Array, Sample
from lanewise.search.selection.statistics import STATISTICS, Statistic
from lanewise.search.selection.weights import draw, out_of_bag

FORMAT = 1  # of a stored stream
BATCH = 64  # evaluations that are scored together

_STATE = np.dtype(
    [("in_bag", "<f8"), ("out", "<f8"), ("full", "<f8"), ("trial", "<i8"), ("epoch", "<i8")]
)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A trial's values after an epoch, [K, N]."""

    trial: int
    epoch: int
    values_KN: Array


class Stream:
    """What the bootstraps hold. All scores here are utilities: more is better.

    Attributes:
        naive: the best score on all rows.
        count: evaluations that were taken in.
        state_B: of each bootstrap's best evaluation, see `_STATE`.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.statistic: Statistic = STATISTICS[sample.statistic](sample)
        self.weights_BN = draw(sample.clusters_N, self.statistic.is_defined)
        self.naive = -np.inf
        self.count = 0
        self.state_B = np.zeros(len(self.weights_BN), _STATE)
        self.state_B["in_bag"] = -np.inf

    def take(self, evaluations: Sequence[Evaluation]) -> None:
        """Takes evaluations in. Of equal ones the older trial's earlier one is the better, so that
        their order makes no difference.
        """
        self.count += len(evaluations)
        usable = [each for each in evaluations if np.isfinite(each.values_KN).all()]
        usable.sort(key=lambda each: (each.trial, each.epoch))
        for first in range(0, len(usable) if len(self.state_B) else 0, BATCH):
            self._take(usable[first : first + BATCH])

    def _take(self, batch: Sequence[Evaluation]) -> None:
        values_EKN = np.stack([each.values_KN for each in batch])
        full_E = self.full(values_EKN)
        self.naive = max(self.naive, float(full_E.max()))
        sign, state_B = self.sample.sign, self.state_B
        in_bag_EB = sign * self.statistic.rank(values_EKN, self.weights_BN)
        best_B = in_bag_EB.argmax(0)
        top_B = in_bag_EB[best_B, np.arange(len(best_B))]
        keys = np.array([(each.trial, each.epoch) for each in batch])[best_B]
        is_older = (keys[:, 0] < state_B["trial"]) | (
            (keys[:, 0] == state_B["trial"]) & (keys[:, 1] < state_B["epoch"])
        )
        better_B = (top_B > state_B["in_bag"]) | ((top_B == state_B["in_bag"]) & is_older)
        for e in np.unique(best_B[better_B]):
            mine = np.flatnonzero(better_B & (best_B == e))
            out_b = self.statistic.score(values_EKN[e : e + 1], out_of_bag(self.weights_BN[mine]))
            state_B["in_bag"][mine] = top_B[mine]
            state_B["out"][mine] = sign * out_b[0]
            state_B["full"][mine] = full_E[e]
            state_B["trial"][mine], state_B["epoch"][mine] = batch[e].trial, batch[e].epoch

    def full(self, values_EKN: Array) -> Array:
        """The score on all rows, [E]."""
        return np.asarray(self.sample.sign * self.statistic.full(values_EKN))

    def dump(self) -> tuple[dict[str, Any], bytes]:
        """The stream as JSON and raw bytes."""
        about = {"format": FORMAT, "sample": dict(self.sample.identity())}
        naive = self.naive if self.count and np.isfinite(self.naive) else None
        state = self.state_B.tobytes()
        return about | {"count": self.count, "naive": naive, "crc": zlib.crc32(state)}, state

    def load(self, about: Mapping[str, Any], state: bytes) -> bool:
        """Goes on from what ``dump`` gave; False where that is of other rows, or damaged."""
        of_same = about.get("format") == FORMAT and about["sample"] == self.sample.identity()
        is_whole = len(state) == self.state_B.nbytes and about.get("crc") == zlib.crc32(state)
        if not (of_same and is_whole):
            return False
        self.state_B = np.frombuffer(state, _STATE).copy()
        self.count = int(about["count"])
        self.naive = -np.inf if about["naive"] is None else float(about["naive"])
        return True
