"""The corrected score beside the truth, on generated sweeps whose truth is known.

    python benchmarks/honesty.py [--repeats 400] [--only accuracy] [--study]
    python benchmarks/honesty.py --picture docs/pictures/choosing.svg
    python benchmarks/honesty.py --verify (see `verification.py`)
    python benchmarks/honesty.py --cost (see `honesty_cost.py`)

Each row of the table is a setting; each repeat draws validation rows and runs a whole sweep (ASHA,
up to 27 epochs) of made-up models through the simulator. A model's errors on rows have parts that
all models share, that configurations near each other share, and of its own; its true score is a
formula. Error: the mean over repeats of naive and corrected score minus truth, as a share of the
naive one's and in standard errors of one model's score on these rows. Covers: how often the 90 %
interval holds the truth. Holds the best: how often the truly best trial is the best or tied with
it, and how many trials are tied in the median.

The bars: an error of at most 0.25 of the naive one's or 0.35 standard errors; coverage 86 to 95 %.
With --study, the same for other mixtures of the two estimators. With --picture, only a picture of
the first setting's best, corrected and true score after so many trials.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import honesty_cost
import numpy as np
import verification
from numpy.typing import NDArray

from comparison.machine import machine
from lanewise.search.control.simulate import simulate
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.selection.estimate import BBC_SHARE, corrected, tied
from lanewise.search.selection.sample import Sample
from lanewise.search.selection.statistics import STATISTICS
from lanewise.search.selection.stream import Evaluation, Stream
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space
from lanewise.trainables.data.dependence import stretch

Array = NDArray[Any]

EPOCHS = 27
FACTORS = 12  # what configurations near each other have in common on a row
SPACE = Space({f"x{i}": Float(0, 1) for i in range(4)})
STUDIED = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class Setting:
    """A metric on generated rows, and how the sweep searches.

    Attributes:
        group: rows that share their difficulty to three quarters; ordered: each with the next.
        signal: of the best configuration, in standard deviations of a row's difficulty.
    """

    metric: str
    rows: int = 200
    trials: int = 60
    sampler: str = "random"
    classes: int = 2
    group: int = 1
    is_ordered: bool = False
    signal: float = 1.2
    total: int = 0  # rows of the validation part, of which `rows` are kept

    @property
    def name(self) -> str:
        words = [self.metric, f"{self.rows} rows", f"{self.trials} trials", self.sampler]
        words += [f"{self.classes} classes"] * (self.classes > 2)
        words += [f"groups of {self.group}"] * (self.group > 1 and not self.is_ordered)
        words += ["in time"] * self.is_ordered
        words += [f"of {self.total}"] * (self.total > 0)
        return ", ".join(words)

    @property
    def statistic(self) -> str:
        return self.metric if self.metric in STATISTICS else "mean"

    @property
    def is_error(self) -> bool:
        return self.metric in ("mse", "rmse", "mae", "log_loss")


SETTINGS = [
    Setting("accuracy"),
    Setting("accuracy", sampler="tpe"),
    Setting("accuracy", rows=400, trials=120),
    Setting("accuracy", rows=400, trials=120, sampler="tpe"),
    Setting("accuracy", rows=240, group=8),
    Setting("accuracy", rows=240, group=8, is_ordered=True),
    Setting("balanced_accuracy", classes=5),
    Setting("f1"),
    Setting("f1", classes=5, sampler="tpe"),
    Setting("roc_auc"),
    Setting("roc_auc", sampler="tpe"),
    Setting("roc_auc", classes=4),
    Setting("rmse"),
    Setting("rmse", sampler="tpe"),
    Setting("r2"),
    Setting("mae"),
    Setting("log_loss", sampler="tpe"),
    Setting("accuracy", rows=300, total=1200),
]


class World:
    """Validation rows of one repeat, and the models that are tried on them. N rows."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self.setting = setting
        self.rng = rng = np.random.default_rng([seed, 7])
        count = setting.total or setting.rows
        self.difficulty_N = self._shared(count)
        self.factors_NF = np.stack([self._shared(count) for _ in range(FACTORS)], 1)
        self.codes_N = rng.choice(setting.classes, count, p=self.priors)
        self.best_at = rng.uniform(0.2, 0.8, 4)
        self.waves = rng.normal(0, 2.5, (FACTORS, 4))
        self.phases = rng.uniform(0, 2 * math.pi, FACTORS)
        self.kept_N = np.sort(rng.permutation(count)[: setting.rows])
        self.seen: dict[tuple[float, ...], dict[int, tuple[Array, float, float]]] = {}

    @property
    def priors(self) -> Array:
        weights = np.linspace(1.0, 1.6, self.setting.classes)
        return np.asarray(weights / weights.sum())

    def _shared(self, count: int) -> Array:
        """Standard normal numbers of rows, alike within groups or along time."""
        own, group = self.rng.normal(size=count), self.setting.group
        if group == 1:
            return np.asarray(own)
        if self.setting.is_ordered:
            kept = math.exp(-1 / group)
            for row in range(1, count):
                own[row] = kept * own[row - 1] + math.sqrt(1 - kept**2) * own[row]
            return np.asarray(own)
        common = np.repeat(self.rng.normal(size=-(-count // group)), group)[:count]
        return np.asarray(math.sqrt(0.5) * common + math.sqrt(0.5) * own)

    def curve(self, params: Mapping[str, Any], epoch: int) -> dict[str, float]:
        """The metrics of a configuration after an epoch; its rows are kept."""
        x = tuple(float(params[f"x{i}"]) for i in range(4))
        known = self.seen.setdefault(x, {})
        if epoch not in known:
            known[epoch] = self._evaluate(np.array(x), epoch)
        values_KN, _, loss = known[epoch]
        return {"val_score": self.score(values_KN), "val_loss": loss}

    def _evaluate(self, x: Array, epoch: int) -> tuple[Array, float, float]:
        setting = self.setting
        own = np.random.default_rng([int(v * 2**31) for v in x])
        trial_N = own.normal(size=len(self.codes_N))
        after = np.random.default_rng([epoch, *(int(v * 2**31) for v in x)])
        own_N = 0.8 * trial_N + 0.6 * after.normal(size=len(self.codes_N))
        shared_F = 0.25 * np.sin(self.waves @ x + self.phases)
        quality = setting.signal - 2.0 * float(np.square(x - self.best_at).sum())
        quality *= 1 - math.exp(-epoch / (1 + 6 * x[0]))
        spread, spare = math.sqrt(0.3**2 + float(shared_F @ shared_F)), 0.3
        noise_N = self.factors_NF @ shared_F + spare * own_N
        values_KN, truth = OUTCOMES[setting.metric](self, quality, noise_N, spread, after)
        return values_KN, truth, -quality + 0.05 * float(after.normal())

    # -- what a metric sees of a model -----------------------------------------------------------

    def right(self, quality: float, noise_N: Array, spread: float) -> tuple[Array, float]:
        """Which rows are classified correctly, and the chance of it."""
        chance = _phi(quality / math.sqrt(1 + spread**2))
        return quality + noise_N > self.difficulty_N, chance

    def accuracy(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        right_N, chance = self.right(quality, noise_N, spread)
        return right_N[None].astype(np.uint8), chance

    def f1(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        right_N, chance = self.right(quality, noise_N, spread)
        classes, priors_C = self.setting.classes, self.priors
        others_N = (self.codes_N + rng.integers(1, classes, len(right_N))) % classes
        called_N = np.where(right_N, self.codes_N, others_N)
        called_C = priors_C * chance + (1 - priors_C) * (1 - chance) / (classes - 1)
        f1_C = 2 * priors_C * chance / (priors_C + called_C)
        return called_N[None], float(f1_C[1] if classes == 2 else f1_C.mean())

    def roc_auc(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        classes = self.setting.classes
        codes = [1] if classes == 2 else list(range(classes))
        base_N = noise_N - self.difficulty_N
        # In one against the rest, a row's noise is of its own class's score or of the others'.
        scores = [np.where(self.codes_N == c, quality, 0.0) + base_N for c in codes]
        return np.stack(scores), _phi(quality / math.sqrt(2 * (1 + spread**2)))

    def mse(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        errors_N, variance = self.errors(quality, noise_N, spread)
        return np.square(errors_N)[None], variance

    def errors(self, quality: float, noise_N: Array, spread: float) -> tuple[Array, float]:
        """Normal errors of a regression and their variance."""
        scale = 1 + math.exp(-quality)
        return scale * (self.difficulty_N + noise_N), scale**2 * (1 + spread**2)

    def rmse(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        values_KN, variance = self.mse(quality, noise_N, spread, rng)
        return values_KN, math.sqrt(variance)

    def r2(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        values_KN, variance = self.mse(quality, noise_N, spread, rng)
        return 1 - values_KN / 9, 1 - variance / 9

    def mae(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        errors_N, variance = self.errors(quality, noise_N, spread)
        return np.abs(errors_N)[None], math.sqrt(2 * variance / math.pi)

    def log_loss(self, quality: float, noise_N: Array, spread: float, rng: Any) -> Any:
        """−log p = log(1 + e^−m) of normal margins m."""
        margin_N = 2 * (quality + noise_N - self.difficulty_N)
        deviation = 2 * math.sqrt(1 + spread**2)
        at, weights = np.polynomial.hermite_e.hermegauss(40)
        truth = float(np.logaddexp(0, -(2 * quality + deviation * at)) @ weights)
        return np.logaddexp(0, -margin_N)[None], truth / math.sqrt(2 * math.pi)

    # -- the sweep's side ------------------------------------------------------------------------

    @cached_property
    def sample(self) -> Sample:
        """The rows that are kept."""
        setting = self.setting
        rows = self.kept_N // setting.group if setting.group > 1 else self.kept_N
        if setting.is_ordered:
            rows = self.kept_N // stretch(len(self.codes_N))
        columns = setting.classes if setting.metric == "roc_auc" and setting.classes > 2 else 1
        return Sample(
            statistic=setting.statistic,
            mode="min" if setting.is_error else "max",
            clusters_N=rows,
            codes_N=self.codes_N[self.kept_N],
            classes=setting.classes,
            columns=columns,
            dtype="<f4",
            total=len(self.codes_N),
            is_root=setting.metric == "rmse",
            is_share=setting.metric in ("accuracy", "balanced_accuracy", "f1", "roc_auc"),
        )

    @cached_property
    def whole(self) -> Sample:
        """All rows."""
        return replace(self.sample, clusters_N=np.arange(len(self.codes_N)), codes_N=self.codes_N)

    @cached_property
    def statistic(self) -> Any:
        return STATISTICS[self.setting.statistic](self.whole)

    def score(self, values_KN: Array) -> float:
        """The metric on all rows."""
        ones_1N = np.ones((1, len(self.codes_N)), np.float32)
        value = self.statistic.score(values_KN[None], ones_1N)[0, 0]
        return float(self.whole.metric(self.whole.sign * value))


OUTCOMES: dict[str, Callable[..., tuple[Array, float]]] = {
    "accuracy": World.accuracy,
    "balanced_accuracy": World.accuracy,
    "f1": World.f1,
    "roc_auc": World.roc_auc,
    "mse": World.mse,
    "rmse": World.rmse,
    "r2": World.r2,
    "mae": World.mae,
    "log_loss": World.log_loss,
}


def _phi(z: float) -> float:
    return (1 + math.erf(z / math.sqrt(2))) / 2


@dataclass(frozen=True)
class Outcome:
    """What a repeat came to: scores minus the selected model's true one, by mixture."""

    naive: float
    errors: Mapping[float, float]
    covers: Mapping[float, bool]
    one: float  # a model that was not selected
    holds_best: bool
    tied: int


def repeat(setting: Setting, seed: int) -> Outcome:
    """A whole sweep and its estimates."""
    world = World(setting, seed)
    spec = Spec(
        space=SPACE,
        objectives=(Objective("val_score", "min" if setting.is_error else "max"),),
        budget=Budget(trials=setting.trials, epochs=EPOCHS),
        sampler=Plugin(setting.sampler, {}),
        scheduler=Plugin("asha", {"eta": 3}),
        seed=seed,
    )
    sweep = make_sweep(spec)
    simulate(sweep, world.curve, workers=4)
    history, stream = sweep.history, Stream(world.sample)
    evaluations, known = [], {}
    for trial in history:
        known[trial.number] = world.seen[tuple(trial.params[f"x{i}"] for i in range(4))]
        evaluations += [
            Evaluation(trial.number, epoch, known[trial.number][epoch][0][:, world.kept_N])
            for epoch, _ in trial.rows
        ]
    stream.take(evaluations)
    assert history.best is not None
    bests = {t.number: t.best for t in history if t.best}
    best = history.best.number
    reported = {number: value for number, (_, value) in bests.items()}
    values = {n: known[n][epoch][0][:, world.kept_N] for n, (epoch, _) in bests.items()}
    truths = {n: known[n][epoch][1] for n, (epoch, _) in bests.items()}
    together = tied(stream, best, values, reported)
    errors, covers = {}, {}
    for share in STUDIED:
        found = corrected(stream, reported[best], share)
        assert found is not None
        errors[share] = found.score - truths[best]
        covers[share] = found.low <= truths[best] <= found.high
    pick = min if setting.is_error else max
    values_KN, truth, _ = known[0][1]
    return Outcome(
        naive=reported[best] - truths[best],
        errors=errors,
        covers=covers,
        one=world.score(values_KN) - truth,
        holds_best=pick(truths, key=lambda n: truths[n]) in (best, *together),
        tied=len(together),
    )


def rows_of(setting: Setting, repeats: int, *, studies: bool) -> Iterator[tuple[str, ...]]:
    """The table's rows for a setting."""
    outcomes = [repeat(setting, seed) for seed in range(repeats)]
    naive = statistics.fmean(each.naive for each in outcomes)
    error_of_row = statistics.pstdev(each.one for each in outcomes)
    for share in STUDIED if studies else (BBC_SHARE,):
        error = statistics.fmean(each.errors[share] for each in outcomes)
        spread = statistics.pstdev(each.errors[share] for each in outcomes) / math.sqrt(repeats)
        covered = statistics.fmean(each.covers[share] for each in outcomes)
        holds = abs(error) <= max(0.25 * abs(naive), 0.35 * error_of_row)
        yield (
            setting.name if share == BBC_SHARE else f"… BBC's share {share:g}",
            f"{naive:+.4f}",
            f"{error:+.4f} ± {spread:.4f}",
            f"{error / naive:+.2f}",
            f"{error / error_of_row:+.2f}",
            f"{covered:.0%}",
            f"{statistics.fmean(each.holds_best for each in outcomes):.0%}",
            f"{statistics.median(each.tied for each in outcomes):g}",
            "yes" if holds and 0.86 <= covered <= 0.95 else "no",
        )


# -- the picture -----------------------------------------------------------------------------------

MOST_TRIALS = 300
COUNTS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, MOST_TRIALS)


def curves(setting: Setting, repeats: int = 80) -> dict[str, list[float]]:
    """The mean best, corrected and true score of the best, after so many random trials."""
    sums: dict[str, list[float]] = {
        name: [0.0] * len(COUNTS) for name in ("best of all", "corrected", "in truth")
    }
    for seed in range(repeats):
        world = World(setting, seed)
        stream, best, truth = Stream(world.sample), -math.inf, 0.0
        tried = world.rng.random((MOST_TRIALS, 4))
        evaluations = []
        for number, x in enumerate(tried, 1):
            values_KN, its_truth, _ = world._evaluate(x, EPOCHS)
            if (score := world.score(values_KN)) > best:
                best, truth = score, its_truth
            evaluations.append(Evaluation(number, 1, values_KN[:, world.kept_N]))
            if number in COUNTS:
                stream.take(evaluations)
                evaluations = []
                found = corrected(stream, best)
                assert found is not None
                for name, value in zip(sums, (best, found.score, truth), strict=True):
                    sums[name][COUNTS.index(number)] += value / repeats
    return sums


GREY = "#8a93a3"
COLOURS = {"best of all": GREY, "corrected": "#e8741e", "in truth": "#4078d8"}
LABELS = {"best of all": 4, "corrected": 14, "in truth": -2}  # pixels below a line's end
WIDTH, HEIGHT, LEFT, BOTTOM = 640, 340, 60, 48


def picture(lines: Mapping[str, list[float]]) -> str:
    """An SVG, for light pages and dark ones."""
    values = [value for line in lines.values() for value in line]
    low, high = math.floor(min(values) * 50) / 50, math.ceil(max(values) * 50) / 50

    def place(count: int, value: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - 110) * math.log(count) / math.log(MOST_TRIALS)
        up = 20 + (HEIGHT - 20 - BOTTOM) * (high - value) / (high - low)
        return round(across, 1), round(up, 1)

    def text(x: float, y: float, words: str, anchor: str = "start", colour: str = GREY) -> str:
        return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'

    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [f'{head} font-family="sans-serif" font-size="13">']
    right = place(MOST_TRIALS, low)[0]
    for step in range(round(low * 50), round(high * 50) + 1):
        y = place(1, step / 50)[1]
        parts.append(f'<path d="M{LEFT},{y}H{right}" stroke="{GREY}" stroke-opacity="0.25"/>')
        parts.append(text(LEFT - 8, y + 4, f"{step / 50:.2f}", "end"))
    for count in (1, 10, 100, MOST_TRIALS):
        parts.append(text(place(count, low)[0], HEIGHT - BOTTOM + 20, str(count), "middle"))
    parts.append(text(LEFT, 12, "validation accuracy, 200 rows"))
    parts.append(text((LEFT + right) / 2, HEIGHT - 8, "trials", "middle"))
    for name, line in lines.items():
        places = (place(count, value) for count, value in zip(COUNTS, line, strict=True))
        points = " ".join(f"{x},{y}" for x, y in places)
        style = f'fill="none" stroke="{COLOURS[name]}" stroke-width="2.5"'
        parts.append(f'<polyline points="{points}" {style}/>')
        y = place(MOST_TRIALS, line[-1])[1] + LABELS[name]
        parts.append(text(right + 8, y, name, colour=COLOURS[name]))
    return "\n".join([*parts, "</svg>", ""])


HEADS = (
    "setting",
    "naive − truth",
    "corrected − truth",
    "of the naive",
    "of a standard error",
    "covers",
    "holds the best",
    "tied",
    "bars",
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--repeats", type=int, default=400)
    arguments.add_argument("--only", default="", help="settings whose name begins with this")
    arguments.add_argument("--study", action="store_true")
    arguments.add_argument("--picture", type=Path, help="write this file instead")
    arguments.add_argument("--verify", action="store_true", help="what --verify wins back instead")
    arguments.add_argument("--tasks", default="table,image,text", help="of --verify")
    arguments.add_argument("--cost", action="store_true", help="what all of it costs instead")
    arguments.add_argument("--rounds", type=int, default=5, help="of --cost")
    asked = arguments.parse_args()
    if asked.picture is not None:
        asked.picture.write_text(picture(curves(replace(SETTINGS[0], trials=MOST_TRIALS))))
        return
    if asked.cost:
        show(honesty_cost.HEADS, honesty_cost.table(asked.rounds))
        print(f"\n{asked.rounds} rounds; {machine()}")
        return
    if asked.verify:
        show(verification.HEADS, verification.table(asked.tasks.split(","), asked.repeats))
    else:
        show(HEADS, _rows(asked.only, asked.repeats, asked.study))
    print(f"\n{asked.repeats} repeats; {machine()}")


def _rows(only: str, repeats: int, studies: bool) -> Iterator[tuple[str, ...]]:
    for setting in SETTINGS:
        if setting.name.startswith(only):
            yield from rows_of(setting, repeats, studies=studies)


def show(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table, line by line."""
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
