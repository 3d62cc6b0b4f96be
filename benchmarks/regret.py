"""How good samplers and schedulers are on sixteen recorded tasks; prints Markdown tables.

    python benchmarks/regret.py [--seeds 20] [--trials 100] [--epochs 540] [--tasks NAME,NAME…]
        [--contenders NAME;NAME…] [--out build/regret.jsonl]

Nothing is trained: `replay/tasks.py` says what is replayed, `replay/contenders.py` who plays.
Regret is normalised: 0 is the best that is recorded of a task, 1 its median configuration.

    by trials   16 tasks, every configuration trained to its end: the regret of the best loss so far
    by epochs   the 4 tasks with curves, where schedulers may stop a training: the same after as
                many epochs, whoever they were spent on; 27 are one whole training

"test" is the regret, on rows that nobody was shown, of the configuration and epoch that were best
on validation rows; "ms" the contender's own CPU time a trial or an epoch. Contenders that are not
installed are left out; those that take up to seconds a trial (SLOW) play only when they are named.
Lanewise's `tpe` is compared with Optuna's TPE by Wilcoxon's signed ranks, paired over the seeds (so
that both see the same replica), one-sided, with Holm's correction over the tasks.

Each run is added to --out at once, and one that stands there is not repeated: what was interrupted
goes on. `make bench` begins anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from comparison.machine import machine, versions
from replay.contenders import BY_EPOCHS, BY_TRIALS, Player, Session
from replay.tasks import CURVES, TASKS, task

OURS, OPTUNAS = "tpe", "Optuna TPE"
WHOLE = 27  # epochs of a training
LEVEL = 0.05
SLOW = ("gp", "Optuna GP", "Syne Tune TPE", "Syne Tune BOHB")
DECIMALS = 8


@dataclass(frozen=True)
class Played:
    """One run. regrets: after each trial, or after each 27 epochs; seconds: the contender's own."""

    by: str
    contender: str
    task: str
    seed: int
    regrets: tuple[float, ...]
    test: float | None
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        return self.by, self.contender, self.task, self.seed, len(self.regrets)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    runs = list(carry_out(asked))
    for by, steps, unit in (("trials", asked.trials, 1), ("epochs", asked.epochs // WHOLE, WHOLE)):
        chosen = [run for run in runs if run.by == by and len(run.regrets) == steps]
        for line in tables(chosen, by, unit):
            print(line)
    print(f"\n{asked.seeds} seeds; {machine()}; {versions()}.")


# -- running ---------------------------------------------------------------------------------------


def carry_out(asked: argparse.Namespace) -> Iterator[Played]:
    """All runs, those of an earlier call included."""
    known = {run.key: run for run in _read(asked.out)}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    missing: set[str] = set()
    for name in asked.tasks:
        for by, contender, player, steps in lineup(asked, name):
            for seed in range(asked.seeds):
                if run := known.get((by, contender, name, seed, steps)):
                    yield run
                elif contender not in missing:
                    try:
                        run = play(by, contender, player, name, seed, steps)
                    except ImportError as error:
                        print(f"{contender}: left out, {error}\n")
                        missing.add(contender)
                        continue
                    with asked.out.open("a") as file:
                        file.write(json.dumps(asdict(run)) + "\n")
                    yield run


def _read(path: Path) -> list[Played]:
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [Played(**{**each, "regrets": tuple(each["regrets"])}) for each in found]


def lineup(asked: argparse.Namespace, name: str) -> Iterator[tuple[str, str, Player, int]]:
    """Who plays a task: (by, contender, player, steps)."""
    for contender, player in BY_TRIALS.items():
        if _is_wanted(contender, asked.contenders):
            yield "trials", contender, player, asked.trials
    for contender, player in BY_EPOCHS.items():
        if name in CURVES and _is_wanted(contender, asked.contenders):
            yield "epochs", contender, player, asked.epochs // WHOLE


def _is_wanted(contender: str, named: Sequence[str] | None) -> bool:
    return contender not in SLOW if named is None else contender in named


def play(by: str, contender: str, player: Player, name: str, seed: int, steps: int) -> Played:
    replica = task(name).of_seed(seed)
    unit = WHOLE if by == "epochs" else 1
    session, began = Session(replica), time.process_time()
    player(session, seed, steps * unit)
    seconds = time.process_time() - began
    best = list(accumulate(session.losses, min))[: steps * unit]
    best += best[-1:] * (steps * unit - len(best))  # all that was to be tried has been
    test = None
    if replica.test is not None:
        row, epoch = session.rows[session.losses.index(best[-1])]
        test = round(replica.test_regret(row, epoch), DECIMALS)
    regrets = tuple(round(replica.regret(loss), DECIMALS) for loss in best[unit - 1 :: unit])
    return Played(by, contender, name, seed, regrets, test, round(seconds, 3))


# -- what is shown -----------------------------------------------------------------------------


def tables(runs: Sequence[Played], by: str, unit: int) -> Iterator[str]:
    if not runs:
        return
    contenders = list(dict.fromkeys(run.contender for run in runs))
    steps = len(runs[0].regrets)
    after = sorted({max(1, steps // 4), max(1, steps // 2), steps})
    yield f"\n| all tasks | {' | '.join(f'{n * unit} {by}' for n in after)} | mean | test | ms |"
    yield "|---" * (len(after) + 4) + "|"
    for contender in contenders:
        mine = [run for run in runs if run.contender == contender]
        yield _row(contender, _summary(mine, after, steps * unit))
    ours, theirs = (_by_task(runs, contender) for contender in (OURS, OPTUNAS))
    worse = worse_by_chance(ours, theirs) if by == "trials" and ours.keys() == theirs.keys() else {}
    yield f"\n| after {steps * unit} {by} | {' | '.join(contenders)} |{' worse, p |' * bool(worse)}"
    yield "|---" * (len(contenders) + 1 + bool(worse)) + "|"
    for name in dict.fromkeys(run.task for run in runs):
        cells = [
            statistics.median(values) if (values := _by_task(runs, contender).get(name)) else None
            for contender in contenders
        ]
        yield _row(name, cells) + (f" {worse[name]:.2g} |" if worse else "")
    if worse:
        yield from verdict(ours, theirs, worse)


def verdict(
    ours: Mapping[str, Sequence[float]],
    theirs: Mapping[str, Sequence[float]],
    worse: Mapping[str, float],
) -> Iterator[str]:
    """How `tpe` stands beside Optuna's TPE."""
    bad = [name for name, p in worse.items() if p < LEVEL]
    a, b = (_median_of(each) for each in (ours, theirs))
    yield f"\n{OURS} is significantly worse than {OPTUNAS} on {', '.join(bad) or 'no task'}."
    gain = f", {1 - a / b:+.1%}" if b else ""
    yield f"Median regret over all runs: {OURS} {a:.4f}, {OPTUNAS} {b:.4f}{gain}."


def _median_of(values: Mapping[str, Sequence[float]]) -> float:
    return statistics.median(value for each in values.values() for value in each)


def _summary(runs: Sequence[Played], after: Sequence[int], count: int) -> list[float | None]:
    medians = [statistics.median(run.regrets[n - 1] for run in runs) for n in after]
    mean = statistics.fmean(run.regrets[-1] for run in runs)
    tests = [run.test for run in runs if run.test is not None]
    milliseconds = statistics.fmean(1000 * run.seconds / count for run in runs)
    return [*medians, mean, statistics.median(tests) if tests else None, milliseconds]


def _row(name: str, cells: Sequence[float | None]) -> str:
    return f"| {name} | " + " | ".join("" if c is None else f"{c:.3f}" for c in cells) + " |"


def _by_task(runs: Sequence[Played], contender: str) -> dict[str, list[float]]:
    """Last regrets by task, in the order of the seeds."""
    mine = sorted((run for run in runs if run.contender == contender), key=lambda run: run.seed)
    return {
        name: [r.regrets[-1] for r in mine if r.task == name] for name in {r.task for r in mine}
    }


def worse_by_chance(
    ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """By task: the corrected probability of such a lead of theirs, if both were alike."""
    return holm({name: one_sided(values, theirs[name]) for name, values in ours.items()})


def one_sided(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Wilcoxon's signed ranks of pairs, against ours being higher; equal pairs are split."""
    from scipy.stats import wilcoxon

    if list(ours) == list(theirs):
        return 1.0
    found = wilcoxon(ours, theirs, zero_method="zsplit", alternative="greater", method="approx")
    return float(found.pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm 1979: the k-th smallest of m times m - k + 1, never below the one before."""
    found, so_far = {}, 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        so_far = max(so_far, min(1.0, (len(p_values) - place) * p))
        found[name] = so_far
    return found


# -- the command line --------------------------------------------------------------------------


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=20 * WHOLE)
    parser.add_argument("--tasks", type=some_of(TASKS, ","), default=TASKS)
    parser.add_argument("--contenders", type=some_of((*BY_TRIALS, *BY_EPOCHS), ";"))
    parser.add_argument("--out", type=Path, default=Path("build/regret.jsonl"))
    return parser.parse_args(arguments)


def some_of(known: Sequence[str], separator: str) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(separator)
        if unknown := sorted(set(names) - set(known)):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(known)}")
        return names

    return read


if __name__ == "__main__":
    main()
