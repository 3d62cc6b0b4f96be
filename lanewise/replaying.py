"""A trial trained once more, alone: whether its metrics are what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lanewise.cluster.surroundings import enter, kept
from lanewise.machine import differences, hardware, versions
from lanewise.own_code import digests
from lanewise.plan import Plan, plan_again
from lanewise.search.core.seeds import trial_seed
from lanewise.search.errors import SearchError
from lanewise.search.store.view import View

if TYPE_CHECKING:
    from lanewise.search.core.events import Row
    from lanewise.search.core.history import Trial

EQUAL, ROUNDING, DIFFERENT = "equal", "equal within rounding", "different"


@dataclass(frozen=True)
class Compared:
    """One metric of one epoch, as it was recorded and as it is again."""

    epoch: int
    name: str
    recorded: float
    again: float | None  # None: not reported
    verdict: str


@dataclass(frozen=True)
class Replay:
    """What training a trial again gave.

    epoch: the trial's best, whose metrics are shown. compared: of all epochs.
    differing: versions, hardware and code that are others by now: name -> (then, now).
    """

    sweep: str
    name: str
    trial: int
    seed: int
    epoch: int
    epochs: int
    compared: tuple[Compared, ...]
    differing: Mapping[str, tuple[str, str]]

    @property
    def verdict(self) -> str:
        """The worst of all metrics."""
        order = (EQUAL, ROUNDING, DIFFERENT)
        return max((each.verdict for each in self.compared), key=order.index)

    @property
    def first_different(self) -> int | None:
        """The first epoch with a metric that is another one."""
        return next((e.epoch for e in self.compared if e.verdict == DIFFERENT), None)

    @property
    def at_best(self) -> tuple[Compared, ...]:
        return tuple(each for each in self.compared if each.epoch == self.epoch)

    def to_json(self) -> dict[str, Any]:
        """As ``replay --json`` prints it."""
        return {
            "sweep": self.sweep,
            "name": self.name,
            "trial": self.trial,
            "seed": self.seed,
            "epochs": self.epochs,
            "verdict": self.verdict,
            "first_different": self.first_different,
            "epoch": self.epoch,
            "metrics": {
                each.name: {
                    "recorded": each.recorded,
                    "again": each.again,
                    "verdict": each.verdict,
                }
                for each in self.at_best
            },
            "differing": {name: list(pair) for name, pair in self.differing.items()},
        }


def replay(view: View, number: int, function: Callable[..., Any] | None = None) -> Replay:
    """Trains a trial again with its configuration and its seed, alone; writes nothing.

    Raises:
        SearchError: there is no such trial, it has reported nothing, or it went on with another
            trial's weights. TrainableError: the data have changed.
    """
    trial = _replayable(view, number)
    plan = plan_again(view, function)
    seed = trial_seed(view.spec.seed, number)
    rows = _train(plan, view, trial, seed)
    assert trial.best is not None
    return Replay(
        sweep=view.launch.sweep,
        name=view.launch.name,
        trial=number,
        seed=seed,
        epoch=trial.best[0],
        epochs=trial.epoch,
        compared=tuple(_compare(trial.rows, dict(rows), plan)),
        differing=_differing(view),
    )


def _replayable(view: View, number: int) -> Trial:
    name, trial = view.launch.name, view.history.trials.get(number)
    if trial is None:
        raise SearchError(f"--trial: {name} has no trial {number}")
    if trial.best is None:
        raise SearchError(f"--trial: trial {number} of {name} has reported nothing to compare with")
    if len(trial.segments) > 1:
        sources = [str(s.source) for s in trial.segments if s.source is not None]
        message = f"went on with the weights of trial {', '.join(sources)}"
        raise SearchError(f"--trial: trial {number} of {name} {message}: it is not its own alone")
    return trial


def _train(plan: Plan, view: View, trial: Trial, seed: int) -> Sequence[Row]:
    from lanewise.dashboards.user_runs import unlogged
    from lanewise.trainables.trial import open_trial

    recipe = plan.recipe()
    with kept(), unlogged():  # what the person's code logs belongs to the trial as it was
        enter(recipe.folder)
        again = open_trial(recipe, trial.params, seed)
        try:
            again.advance(trial.epoch)
        except (RuntimeError, ArithmeticError) as error:
            done = f"trial {trial.number} fails when it is trained again, after epoch {again.epoch}"
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise SearchError(f"{view.launch.name}: {done}: {why}") from None
        finally:
            again.close()
    return again.rows


def _compare(
    recorded: Sequence[Row], again: Mapping[int, Mapping[str, float]], plan: Plan
) -> Iterator[Compared]:
    parts = plan.prepared.identity["parts"] if plan.prepared else {}
    for epoch, metrics in recorded:
        for name, value in metrics.items():
            found = again.get(epoch, {}).get(name)
            rows = parts.get(name.partition("_")[0], 0)
            yield Compared(epoch, name, value, found, _verdict(name, value, found, rows, plan))


def _verdict(name: str, recorded: float, again: float | None, rows: int, plan: Plan) -> str:
    from lanewise.trainables.checkpoints.fidelity import is_alike

    if again is None:
        return DIFFERENT
    if again == recorded or (again != again and recorded != recorded):
        return EQUAL
    device = "cuda" if plan.file.resources.gpus else "cpu"
    return ROUNDING if is_alike(name, again, recorded, rows, device) else DIFFERENT


def _differing(view: View) -> dict[str, tuple[str, str]]:
    details, opened = view.launch.details, view.history.opened
    found = differences(details.get("versions"), versions())
    found |= differences(opened.details.get("hardware") if opened else None, hardware())
    before, now = digests(view.launch) or ("", "")
    if now != before:
        found["code"] = (before[:12], now[:12])
    return found
