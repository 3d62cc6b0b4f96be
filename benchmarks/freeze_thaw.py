"""What a model of learning curves would save: freeze-thaw beside ASHA with TPE, on recorded curves.

    python benchmarks/freeze_thaw.py [--workloads table,image,series,text] [--seeds 20]
        [--workers 1,8] [--epochs 810]

Freeze-thaw (Swersky, Snoek, Adams, arXiv 1406.3896) chooses at every turn between going on with a
paused trial and beginning a new one. Here a Gaussian process over configurations x epochs predicts
all curves together (as in Lin, Ament, Balandat, Bakshy, arXiv 2410.09239, with exact inference),
and the choice is the one most likely to exceed a random improvement within a random number of
epochs (ifBO: Rakotoarison et al., arXiv 2404.16795).

Each method runs in the simulator, on the curves and with the regret of `replay`. The table shows
the median regret of ASHA with TPE after a number of epochs, over all trials, and how many epochs
freeze-thaw, which is given two thirds of --epochs, takes to the same.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from comparison.machine import machine
from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Continue, Decision, Params, Pause
from lanewise.search.core.history import History
from lanewise.search.core.seeds import generator
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.samplers import wrapped
from lanewise.search.samplers.columns import Columns
from lanewise.search.samplers.random import draw
from lanewise.search.sweeps import make_sweep
from replay.contenders import Session
from replay.tasks import CURVES, task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTUP = 8  # random configurations before the model is asked
POOL = 200  # new configurations that are looked at
CLOSER = 32  # of them, and as many of the paused trials, that are looked at more closely
FITTED = 120  # observations by which the kernel's parameters are fitted
JITTER = 1e-6


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--workloads", default=",".join(CURVES))
    arguments.add_argument("--seeds", type=int, default=20)
    arguments.add_argument("--workers", default="1,8")
    arguments.add_argument("--epochs", type=int, default=810)
    given = arguments.parse_args()
    print("| workload | workers | regret | epochs: asha, tpe | freeze-thaw |")
    print("|---|---|---|---|---|")
    costs: list[float] = []
    for name, workers in product(given.workloads.split(","), map(int, given.workers.split(","))):
        sessions = [(name, seed, workers) for seed in range(given.seeds)]
        theirs = np.median([regrets(*each, given.epochs) for each in sessions], axis=0)
        length = 2 * given.epochs // 3
        ours = np.median([regrets(*each, length, costs) for each in sessions], axis=0)
        for epochs in (given.epochs * share // 8 for share in (1, 2, 4, 8)):
            regret = theirs[epochs - 1]
            needed = 1 + int((ours <= regret).argmax()) if ours[-1] <= regret else None
            told = f"{needed} ({needed / epochs:.0%})" if needed else f"more than {length}"
            print(f"| {name} | {workers} | {regret:.4f} | {epochs} | {told} |", flush=True)
    print(f"\na decision: median {1000 * np.median(costs):.1f} ms, most {1000 * max(costs):.0f} ms")
    print(f"{given.seeds} seeds; {machine()}")


def regrets(
    name: str, seed: int, workers: int, epochs: int, costs: list[float] | None = None
) -> Floats:
    """Of the best value, after each epoch of a sweep: of freeze-thaw where its costs are kept."""
    replica = task(name).of_seed(seed)
    session = Session(replica)
    spec = Spec(
        replica.task.space,
        (Objective("loss", "min"),),
        Budget(replica.task.epochs, total_epochs=epochs),
        scheduler=Plugin("asha" if costs is None else "none"),
        seed=seed,
    )
    sweep = make_sweep(spec)
    if costs is not None:
        made = FreezeThaw(spec, costs)
        sweep = make_sweep(spec, wrapped(made, spec), made)
    simulate(sweep, lambda config, epoch: {"loss": session.epoch(config, epoch)}, workers=workers)
    best = np.minimum.accumulate(session.losses)[:epochs]
    return np.array([replica.regret(loss) for loss in best.tolist()])


class Features:
    """Configurations as points: choices one-hot, ranges from 0 to 1, what is inactive at 0.5."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        sizes = [int(c.size) if c.is_choice else 1 for c in columns.all]
        self.column_F = np.repeat(np.arange(len(sizes)), sizes)

    def of(self, row: Floats) -> Floats:
        parts: list[Any] = []
        for column, number in zip(self.columns.all, row.tolist(), strict=True):
            if column.is_choice:
                parts += [
                    float(number == place) / math.sqrt(2) for place in range(int(column.size))
                ]
            elif math.isnan(number):
                parts.append(0.5)
            else:
                parts.append(column.centres[int(number)] if column.is_ruled else number)
        return np.array(parts)


@dataclass(frozen=True)
class Points:
    """Epochs of trials: features, logarithms of epochs from 0 to 1, numbers of trials."""

    x: Floats
    t: Floats
    trial: Ints

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, some: Ints | slice) -> Points:
        return Points(self.x[some], self.t[some], self.trial[some])

    def __add__(self, more: Points) -> Points:
        pairs = zip(vars(self).values(), vars(more).values(), strict=True)
        return Points(*(np.concatenate(pair) for pair in pairs))


class CurveModel:
    """A Gaussian process: y = f(x, t) + what is a trial's own + the common curve + noise.

        k = M(x, x') (a0 + a1 T) + [same trial] (b0 + b1 T) + c T + s [same observation],

    M Matern 5/2 with a length for each column, T squared exponential over t = log epoch. ``theta``
    has the logarithms: lengths, roots of a0, a1, b0, b1, c and s, the length of T. They are fitted
    by the likelihood and a normal prior around ``PRIOR``.
    """

    PRIOR = (0.8, 0.5, 0.15, 0.15, 0.5, 0.1, 0.5)  # behind the lengths, which are 0.6

    def __init__(self, column_F: Ints) -> None:
        self.column_F = column_F
        self.D = int(column_F.max()) + 1
        self.prior = np.log(np.r_[np.full(self.D, 0.6), self.PRIOR])
        self.theta = self.prior.copy()

    @property
    def weights(self) -> Floats:
        """a0, a1, b0, b1, c, s."""
        found: Floats = np.exp(2 * self.theta[self.D : self.D + 6])
        return found

    def kernel(self, left: Points, right: Points) -> Floats:
        """k without noise."""
        length_F = np.exp(self.theta[: self.D])[self.column_F]
        x_MF, x_NF = left.x / length_F, right.x / length_F
        square = (x_MF**2).sum(1)[:, None] + (x_NF**2).sum(1) - 2 * x_MF @ x_NF.T
        r = np.sqrt(5 * np.maximum(square, 0) + 1e-12)
        M = (1 + r + r**2 / 3) * np.exp(-r)
        T = np.exp(-0.5 * ((left.t[:, None] - right.t) / math.exp(self.theta[-1])) ** 2)
        a0, a1, b0, b1, c, _ = self.weights
        same = left.trial[:, None] == right.trial
        found: Floats = M * (a0 + a1 * T) + same * (b0 + b1 * T) + c * T
        return found

    def factor(self, points: Points, known: Floats | None = None) -> Floats:
        """The Cholesky factor of k with noise, from the one that is known of the first points."""
        done = 0 if known is None else len(known)
        k_NR = self.kernel(points, points[done:])
        corner = k_NR[done:] + (self.weights[-1] + JITTER) * np.eye(len(points) - done)
        whole = np.zeros((len(points), len(points)))
        if known is not None and done:
            side = solve_triangular(known, k_NR[:done], lower=True, check_finite=False)
            whole[:done, :done], whole[done:, :done] = known, side.T
            corner -= side.T @ side
        whole[done:, done:] = cholesky(corner, lower=True, check_finite=False)
        return whole

    def fit(self, points: Points, y_N: Floats) -> None:
        """Moves theta, from where it is, to more of the posterior."""
        parts = [points.x[:, self.column_F == d] for d in range(self.D)]
        square_DNN = np.stack([((x[:, None] - x) ** 2).sum(-1) for x in parts])
        square_t = (points.t[:, None] - points.t) ** 2
        same, eye = points.trial[:, None] == points.trial, np.eye(len(y_N))

        def loss(theta: Floats) -> tuple[float, Floats]:
            """The negative logarithm of the posterior, and its gradient."""
            shrink_D, shrink_t = np.exp(-2 * theta[: self.D]), math.exp(-2 * theta[-1])
            a0, a1, b0, b1, c, s = np.exp(2 * theta[self.D : self.D + 6])
            r = np.sqrt(5 * np.tensordot(shrink_D, square_DNN, 1) + 1e-12)
            decay, T = np.exp(-r), np.exp(-0.5 * square_t * shrink_t)
            M = (1 + r + r**2 / 3) * decay
            K = M * (a0 + a1 * T) + same * (b0 + b1 * T) + c * T + (s + JITTER) * eye
            try:
                L = cholesky(K, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                return 1e10, np.zeros_like(theta)
            alpha = cho_solve((L, True), y_N, check_finite=False)
            inverse = cho_solve((L, True), eye, check_finite=False)
            G = 0.5 * (inverse - np.outer(alpha, alpha))  # of the loss by K
            by_r2 = -(5 / 6) * (1 + r) * decay * (a0 + a1 * T) * G
            GT = G * T
            gradient = np.r_[
                -2 * shrink_D * np.tensordot(square_DNN, by_r2, 2),
                2 * a0 * (G * M).sum(),
                2 * a1 * (GT * M).sum(),
                2 * b0 * (G * same).sum(),
                2 * b1 * (GT * same).sum(),
                2 * c * GT.sum(),
                2 * s * np.trace(G),
                shrink_t * (GT * (a1 * M + b1 * same + c) * square_t).sum(),
            ]
            z = theta - self.prior
            z[-1] *= 2
            value = 0.5 * y_N @ alpha + np.log(np.diag(L)).sum() + 0.5 * z @ z
            z[-1] *= 2
            return float(value), gradient + z

        bounds = [(mean - 5, mean + 4) for mean in self.prior]
        options = {"maxiter": 20}
        self.theta = minimize(
            loss, self.theta, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        ).x


class FreezeThaw:
    """Sampler and scheduler in one. It keeps what it has computed, and could not be resumed.

    Every trial pauses at each of its rungs, which grow by half, and ``next`` names the one that
    goes on, or none, where ``ask`` has a new configuration.
    """

    is_adaptive, is_finite = True, False

    def __init__(self, spec: Spec, costs: list[float]) -> None:
        self.spec = spec
        self.costs = costs
        self.epochs = spec.budget.epochs
        rungs = [1]
        while rungs[-1] < self.epochs:
            rungs.append(min(self.epochs, max(rungs[-1] + 1, round(1.5 * rungs[-1]))))
        self._rungs = tuple(rungs)
        self.columns = Columns(spec.space)
        self.features = Features(self.columns)
        self.model = CurveModel(self.features.column_F)
        self.rows: list[Floats] = []  # of the trials
        self.points: list[Floats] = []
        self.observed: list[tuple[int, int, float]] = []  # (trial, rung, score)
        self.seen = 0  # of the history's changes
        self.fitted = 0  # observations at the last fit
        self.factor: Floats | None = None  # of the observations' kernel
        self.pool: tuple[int, list[Floats], list[Floats]] = (-1, [], [])
        self.choice: tuple[tuple[int, int], int | Params] = ((-1, -1), {})

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        return Continue() if history.trials[number].status == "paused" else Pause()

    def next(self, history: History) -> int | None:
        choice = self._choose(history)
        return choice if isinstance(choice, int) else None

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        choice = self._choose(history)
        first = draw(self.spec.space, self.spec.seed, numbers[0])
        rest = [draw(self.spec.space, self.spec.seed, number) for number in numbers[1:]]
        return [first if isinstance(choice, int) else choice, *rest]

    def _choose(self, history: History) -> int | Params:
        key = (len(history.changes), len(history))
        if self.choice[0] != key:
            began = time.process_time()
            self.choice = key, self._best(history)
            self.costs.append(time.process_time() - began)
        return self.choice[1]

    def _follow(self, history: History) -> None:
        """Takes in what has been reported at rungs since the last call."""
        for trial in list(history)[len(self.rows) :]:
            self.rows.append(self.columns.row(trial.params))
            self.points.append(self.features.of(self.rows[-1]))
        for number in dict.fromkeys(history.changes[self.seen :]):
            known = max((rung for trial, rung, _ in self.observed if trial == number), default=0)
            for epoch, metrics in history.trials[number].rows:
                if epoch > known and epoch in self._rungs:
                    score = history.objective.score(metrics[history.objective.metric])
                    self.observed.append((number, epoch, score))
        self.seen = len(history.changes)

    def _best(self, history: History) -> int | Params:
        """The number of a paused trial, or a new configuration."""
        self._follow(history)
        count = len(history)
        if count < STARTUP or len(self.observed) < STARTUP // 2:
            return draw(self.spec.space, self.spec.seed, count)
        numbers, rungs, scores = map(np.array, zip(*self.observed, strict=True))
        seen, y_N = self._points(numbers, rungs), warped(scores)
        goal = y_N.max()
        if len(y_N) >= 1.4 * self.fitted + 2:
            some = spread(y_N, self.spec.seed)
            self.model.fit(seen[some], y_N[some])
            self.fitted, self.factor = len(y_N), None
        self.factor = L = self.model.factor(seen, self.factor)
        if under_way := [*history.running, *history.waiting]:
            # As if they had reported what is expected of them.
            untils = np.array([trial.until for trial in under_way])
            more = self._points(np.array([trial.number for trial in under_way]), untils)
            expected = self.model.kernel(more, seen) @ cho_solve((L, True), y_N)
            seen, y_N = seen + more, np.r_[y_N, expected]
            L = self.model.factor(seen, L)
        return self._likeliest(history, seen, L, cho_solve((L, True), y_N), goal)

    def _likeliest(
        self, history: History, seen: Points, L: Floats, alpha: Floats, goal: float
    ) -> int | Params:
        """What most likely exceeds the goal by a random step within a random number of epochs."""
        rng = generator(self.spec.seed, len(history), len(history.changes))
        rows, points = self._pool(history)
        old = len(history.paused)
        starts = np.r_[[trial.epoch for trial in history.paused], np.zeros(len(rows))]
        ends = Points(
            np.array([*(self.points[trial.number] for trial in history.paused), *points]),
            np.ones(len(starts)),
            np.r_[[trial.number for trial in history.paused], -1 - np.arange(len(rows))],
        )
        # The most promising ones by their ends, and others of which little is known.
        order = np.argsort(-(self.model.kernel(ends, seen) @ alpha))
        new = order[order >= old]
        some = (
            order[order < old][:CLOSER],
            new[: CLOSER // 2],
            rng.permutation(new)[: CLOSER // 2],
        )
        close = np.unique(np.concatenate(some))
        horizon, step = rng.integers(1, self.epochs + 1), 3 * 10 ** rng.uniform(-4, -1)
        target = np.searchsorted(self._rungs, np.minimum(starts[close] + horizon, self.epochs))
        at = Points(ends.x[close], self._time(np.array(self._rungs)[target]), ends.trial[close])
        k_MN = self.model.kernel(at, seen)
        v_NM = solve_triangular(L, k_MN.T, lower=True, check_finite=False)
        variance = self.model.weights.sum() - (v_NM**2).sum(axis=0)
        chance = (k_MN @ alpha - goal - step) / np.sqrt(np.maximum(variance, 1e-9))
        best = int(close[chance.argmax()])
        return int(ends.trial[best]) if best < old else self.columns.config(rows[best - old])

    def _points(self, number_N: Ints, epoch_N: Ints) -> Points:
        return Points(np.array(self.points)[number_N], self._time(epoch_N), number_N)

    def _time(self, epoch_N: Any) -> Floats:
        found: Floats = np.log(epoch_N) / math.log(self.epochs)
        return found

    def _pool(self, history: History) -> tuple[list[Floats], list[Floats]]:
        """New configurations as rows and points: random ones, and neighbours of the best five."""
        count = len(history)
        if self.pool[0] != count:
            rng = generator(self.spec.seed, count)
            tried = {row.tobytes() for row in self.rows}
            best = [self.rows[trial.number] for trial in history.ranked()[:5]]
            rows = {
                row.tobytes(): row
                for place in range(POOL)
                if (row := self._drawn(best, rng, place % 2 == 0)).tobytes() not in tried
            }
            found = list(rows.values())
            self.pool = count, found, [self.features.of(row) for row in found]
        return self.pool[1:]

    def _drawn(self, best: Sequence[Floats], rng: np.random.Generator, is_near: bool) -> Floats:
        row = np.array(
            [
                c.quantile(u)
                for c, u in zip(self.columns.all, rng.random(len(self.columns)), strict=True)
            ]
        )
        if best and is_near:
            base = best[rng.integers(len(best))]
            keep = ~np.isnan(base) & (rng.random(len(row)) >= 1.5 / len(row))
            row = np.where(keep, base, row)
        for group in self.columns.groups:
            if not self.columns.is_active(group, row):
                row[group.places] = np.nan
        return row


def warped(score_N: Floats) -> Floats:
    """Scores with more room at the top: the logarithm of the regret that is known of."""
    top, median = score_N.max(), np.median(score_N)
    y_N = -np.log((top - score_N) / max(top - median, 1e-12) + 0.1)
    found: Floats = (y_N - y_N.mean()) / (y_N.std() + 1e-9)
    return found


def spread(y_N: Floats, seed: int) -> Ints:
    """Indices of a third of the best, and of a random rest."""
    if len(y_N) <= FITTED:
        return np.arange(len(y_N))
    order = np.argsort(-y_N)
    rest = generator(seed, len(y_N)).permutation(order[FITTED // 3 :])
    return np.r_[order[: FITTED // 3], rest[: FITTED - FITTED // 3]]


if __name__ == "__main__":
    main()
