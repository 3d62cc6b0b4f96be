"""Tree-structured Parzen estimators, all axes of a conditional space in one model.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, section 4: split the
observations by their scores, model the better ones by a density l(x) and the others by g(x), draw
candidates from l, and propose the one with the largest l(x) / g(x). ``samplers.parzen`` has the
densities.

Where a scheduler stops trials at rungs, two rules are those of Falkner, Klein and Hutter, "BOHB:
Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018: only the trials at the
highest rung that enough have reached are compared, and every third configuration is random.
Without them the model learns who looks good after the first epochs, and proposes little else.
"""

# ruff: noqa: N803, N806 (shapes in names)

from __future__ import annotations

import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from lanewise.search.core.events import Params
from lanewise.search.core.history import History, Trial
from lanewise.search.core.seeds import generator
from lanewise.search.core.states import COMPLETED, STOPPED
from lanewise.search.samplers.columns import Columns, Floats, Group, Ints
from lanewise.search.samplers.options import check_count
from lanewise.search.samplers.parzen import Mixture
from lanewise.search.samplers.random import draw
from lanewise.spaces import Space

IGNORED, WORST, RANKED = 0, 1, 2  # what the model makes of a trial

# With rungs: how many trials are enough for one, what part of them is good, which are random.
ENOUGH, GOOD, RANDOM_EVERY = 10, 0.25, 3

# How far the kernels near a point decide on its further groups. A product over many axes is too
# sure which observation a point is near: with 1, only that one's options are tried again.
TRUST = 0.3


class TPE:
    """Multivariate TPE over conditional spaces; running trials repel new ones.

    Args:
        startup: random configurations before the densities are modelled.
        candidates: draws from the good configurations' density, of which the best is proposed.
    """

    is_adaptive, is_finite = True, False

    def __init__(self, space: Space, seed: int, startup: int = 10, candidates: int = 24) -> None:
        check_count("startup", startup, 0)
        check_count("candidates", candidates, 1)
        self.space = space
        self.seed = seed
        self.startup = startup
        self.candidates = candidates
        self._columns = Columns(space)
        self._is_finite_space = space.size < math.inf
        # A memo: the table of a history can always be built again from that history.
        self._tables: WeakKeyDictionary[History, _Table] = WeakKeyDictionary()

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        startup = self.startup - len(history.prior)
        if numbers[-1] < startup or not len(self._columns):
            return [draw(self.space, self.seed, number) for number in numbers]
        table = self._tables.get(history)
        if table is None or not table.follow(history):
            table = self._tables[history] = _Table(self._columns, history)
            table.follow(history)
        proposals = []
        for number in numbers:
            proposals.append(self._ask(table, number))
            if number != numbers[-1]:
                table.assume(proposals[-1])
        return proposals

    def _ask(self, table: _Table, number: int) -> Params:
        ranked = table.ranked()
        # The first ones are what `random` draws for the same seed.
        is_early = number + table.prior < self.startup
        if is_early or len(ranked) < max(1, self.startup):
            return draw(self.space, self.seed, number)
        if table.has_rungs and number % RANDOM_EVERY == 0:
            return draw(self.space, self.seed, number)
        good, rest = table.split(ranked)
        row = self._propose(table, table.good(good), table.mixture(rest), number)
        return self._columns.config(row)

    def _propose(self, table: _Table, good: Mixture, rest: Mixture, number: int) -> Floats:
        """The best of several points, group by group of the axes that become active.

        In a finite space that is the best of those not tried before, if there are any: what was
        good lies where l is high, and would be proposed again.
        """
        rng = generator(self.seed, number)
        row = np.full(len(self._columns), np.nan)
        log_l, log_g = good.log_weight, rest.log_weight  # weights, given the groups so far
        for group in self._columns.groups:
            if self._columns.is_active(group, row):
                x_PG = good.draw(group, log_l, rng, self.candidates)
                log_l_PN = log_l + good.log_kernels(group, x_PG)
                log_g_PN = log_g + rest.log_kernels(group, x_PG)
                score_P = log_sum(log_l_PN) - log_sum(log_g_PN)
                if self._is_finite_space:
                    score_P[table.are_tried(row, group, x_PG)] = -math.inf
                best = int(score_P.argmax())
                row[group.places] = x_PG[best]
                log_l = damped(log_l_PN[best], good.log_weight)
                log_g = damped(log_g_PN[best], rest.log_weight)
        return row


class _Table:
    """One history's trials as rows, with what they count for.

    The first ``prior`` rows are what was tried before the sweep; a trial's is behind them.
    """

    def __init__(self, columns: Columns, history: History) -> None:
        self.columns = columns
        self.x_DN: Floats = np.empty((len(columns), 64))
        self.order_DN: Ints = np.empty((len(columns), 64), dtype=np.int64)  # ascending, NaN last
        self.role_N: Ints = np.empty(64, dtype=np.int64)
        self.rung_N: Ints = np.empty(64, dtype=np.int64)
        self.score_N: Floats = np.empty(64)
        self.tried: set[bytes] = set()  # keys of the rows
        self.size = 0
        self.seen = 0  # of the history's changes
        self.assumed: list[Params] = []  # of the last rows, which the history had not yet
        self._good: tuple[Ints, Mixture] | None = None
        self.prior = len(history.prior)
        self.has_rungs = False  # below the trials' ends
        self._last_rung = 0  # of the trials
        for result in history.prior:
            self._add(result.params)
            value = result.metrics[history.objective.metric]
            self.score_N[self.size - 1] = history.objective.score(value)
        self.role_N[: self.prior] = RANKED
        self._prior_epoch_N = [result.epoch for result in history.prior]
        self._rank_prior(0)

    def follow(self, history: History) -> bool:
        """Takes in what has changed since the last call; False where it cannot.

        That is where a proposal that was assumed to be tried was not, or not as it was proposed.
        """
        first = self.size - self.prior - len(self.assumed)
        for number, params in enumerate(self.assumed, first):
            if number >= len(history) or history.trials[number].segments[0].params != params:
                return False
        self.assumed = []
        for number in range(self.size - self.prior, len(history)):
            self._add(history.trials[number].segments[0].params)
            rungs = history.trials[number].rungs
            self.has_rungs |= len(rungs) > 1
            last_rung = max(rungs, default=0)
            if last_rung > self._last_rung:
                self._rank_prior(last_rung)
        for number in dict.fromkeys(history.changes[self.seen :]):
            self._judge(history, history.trials[number])
        self.seen = len(history.changes)
        return True

    def assume(self, params: Params) -> None:
        """A proposal of which nothing is known yet: it will be the history's next trial."""
        self._add(params)
        self.assumed.append(params)

    def _add(self, params: Params) -> None:
        size = self.size
        if size == len(self.role_N):
            for name in ("x_DN", "order_DN", "role_N", "rung_N", "score_N"):
                array = getattr(self, name)
                setattr(self, name, np.concatenate([array, np.empty_like(array)], axis=-1))
        row = self.columns.row(params)
        # Behind its equals: the order is the one of a stable sort.
        places = np.where(np.isnan(row), size, (row >= self.x_DN[:, :size].T).sum(axis=0))
        for order_N, place in zip(self.order_DN, places.tolist(), strict=True):
            order_N[place + 1 : size + 1] = order_N[place:size]
            order_N[place] = size
        self.x_DN[:, size] = row
        self.tried.add(row_key(row))
        self.role_N[size], self.rung_N[size], self.score_N[size] = WORST, 0, -math.inf
        self.size += 1

    def _rank_prior(self, last_rung: int) -> None:
        """What finished before stands at the last rung of this sweep's trials, others below it."""
        self._last_rung = last_rung
        top = self._last_rung or 1 + max((e for e in self._prior_epoch_N if e), default=0)
        self.rung_N[: self.prior] = [min(e or top, top) for e in self._prior_epoch_N]

    def _judge(self, history: History, trial: Trial) -> None:
        """A trial ranks by the last rung that it reached, and there by its best score.

        So one that was stopped early ranks below all that went on from its rung, and one that
        still trains ranks as if it were stopped now. What ended by itself has reached its end.
        """
        reached = trial.rungs[-1] if trial.status == COMPLETED else trial.rung
        place = self.prior + trial.number
        self.role_N[place] = _role(trial, reached)
        self.rung_N[place] = reached
        self.score_N[place] = history.objective.score(trial.best[1]) if trial.best else -math.inf

    def are_tried(self, row: Floats, group: Group, x_PG: Floats) -> list[bool]:
        """Which points of a group make the row one of the table's: the last of its groups, then."""
        filled, found = row.copy(), []
        for x_G in x_PG:
            filled[group.places] = x_G
            found.append(row_key(filled) in self.tried)
        return found

    def ranked(self) -> Ints:
        """The numbers of the trials that have a rank, best first; among equals the older one."""
        ranked = np.flatnonzero(self.role_N[: self.size] == RANKED)
        return ranked[np.lexsort((-self.score_N[ranked], -self.rung_N[ranked]))]

    def split(self, ranked: Ints) -> tuple[Ints, Ints]:
        """The numbers of the better trials, and of all others that count, ascending."""
        counts = self.role_N[: self.size] != IGNORED
        best = ranked[: gamma(len(ranked))]
        if self.has_rungs:
            rung = self.rung_N[ranked[:ENOUGH][-1]]  # the highest that so many have reached
            is_there = self.rung_N[ranked] >= rung
            counts[ranked[~is_there]] = False
            peers = ranked[is_there]
            order = np.argsort(-self.score_N[peers], kind="stable")
            best = peers[order[: math.ceil(GOOD * len(peers))]]
        good = np.zeros(self.size, dtype=bool)
        good[best] = True
        return np.flatnonzero(good), np.flatnonzero(~good & counts)

    def good(self, numbers: Ints) -> Mixture:
        """The mixture of the better trials, which change rarely."""
        if self._good is None or not np.array_equal(self._good[0], numbers):
            self._good = numbers, self.mixture(numbers)
        return self._good[1]

    def mixture(self, numbers: Ints) -> Mixture:
        is_in_N = np.zeros(self.size, dtype=bool)
        is_in_N[numbers] = True
        order_DN = self.order_DN[:, : self.size]
        order_DM = order_DN[is_in_N[order_DN]].reshape(len(order_DN), len(numbers))
        place_N = np.cumsum(is_in_N) - 1
        return Mixture(self.x_DN[:, numbers], place_N[order_DM], weights(len(numbers)))


def row_key(row: Floats) -> bytes:
    """Equal for rows that differ by rounding only."""
    return (np.round(row, 9) + 0.0).tobytes()  # and no -0.0


def _role(trial: Trial, reached: int) -> int:
    if trial.status in (COMPLETED, STOPPED):
        return RANKED if trial.best else IGNORED
    if trial.is_open:
        return RANKED if reached else WORST  # the constant liar: what is under way was bad
    return IGNORED


def log_sum(log_N: Floats) -> Floats:
    """log of the sum of exp over the last axis."""
    top = log_N.max(axis=-1, keepdims=True)
    below = np.maximum(log_N - top, -100.0)  # exp is slow where its result is subnormal
    summed: Floats = top[..., 0] + np.log(np.exp(below, out=below).sum(axis=-1))
    return summed


def damped(log_N: Floats, log_weight: Floats) -> Floats:
    """Weights between those given a point and those without: w K^TRUST."""
    return log_weight + TRUST * (log_N - log_sum(log_N) - log_weight)


def gamma(count: int) -> int:
    """How many of so many trials count as good."""
    return min(math.ceil(0.1 * count), 25)


def weights(count: int) -> Floats:
    """The weights of observations, oldest first: beyond 25, the older ones fade linearly."""
    if count <= 25:
        return np.ones(count)
    return np.append(np.linspace(1 / count, 1, count - 25), np.ones(25))
