"""The Ray Tune trainable: one warm actor that trains a slice of an attempt at each ``step``."""

from __future__ import annotations

import contextlib
import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from lanewise.cluster.limits import Limits
from lanewise.cluster.rungs import next_until
from lanewise.cluster.surroundings import enter
from lanewise.search.control.executor import Best, Outcome
from lanewise.search.core.events import Failure
from lanewise.search.core.sweep import Run
from lanewise.search.selection.evaluated import Evaluated

if TYPE_CHECKING:
    from lanewise.cluster.checkpoints import Storage
    from lanewise.cluster.worker import Worker
    from lanewise.trainables.recipe import Recipe

RUN, OUTCOME = "run", "outcome"  # keys in Tune's config and result


@dataclass(frozen=True)
class Job:
    """What the actors of a sweep share. ``recipe`` is a reference into the object store."""

    recipe: Any
    storage: Storage
    limits: Limits


class TuneWorker(tune.Trainable):  # type: ignore[misc]  # Ray is untyped
    """Trains attempts; reused by Tune for one after another.

    ``setup`` keeps references only: with a slow one Tune gives a starting actor's trial to a
    warm actor and removes the starting one. Failures are results, not exceptions, so that the
    actor stays warm.
    """

    def setup(self, config: dict[str, Any], job: Job) -> None:
        self._job = job
        self._worker: Worker | None = None
        self._reset(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._reset(new_config)
        return True

    def _reset(self, config: dict[str, Any]) -> None:
        self._run = decode_run(config[RUN])
        self._until = self._run.until
        self._has_begun = False

    def step(self) -> dict[str, str]:
        worker = self._worker = self._worker or self._make()
        if not self._has_begun:
            worker.begin(self._run)
            self._has_begun = True
        outcome = worker.advance(self._until)
        # If the answer is to go on, it is to go on to the next rung: the executor sees to that.
        epoch = outcome.rows[-1][0] if outcome.rows else self._run.epoch
        self._until = next_until(self._run.rungs, self._until, epoch)
        return {OUTCOME: encode_outcome(outcome)}

    def _make(self) -> Worker:
        from lanewise.cluster.worker import Worker  # imports torch

        return Worker(ray.get(self._job.recipe), self._job.storage, self._job.limits)

    def cleanup(self) -> None:
        with contextlib.suppress(Exception):
            if self._worker is not None:
                self._worker.stop()


def verify_stored(recipe: Recipe, storage: Storage, best: Best) -> str:
    """``Executor.verify`` as a task of Ray."""
    from lanewise.cluster.worker import verify

    enter(recipe.folder)
    return verify(recipe, storage, best)


def encode_run(run: Run) -> str:
    # Text: Tune copies, merges and flattens the nested values of a config.
    return json.dumps(asdict(run))


def decode_run(text: str) -> Run:
    body = json.loads(text)
    body["rungs"] = tuple(body["rungs"])
    body["source"] = tuple(body["source"]) if body["source"] else None
    return Run(**body)


def encode_outcome(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome), default=lambda body: b64encode(body).decode())


def decode_outcome(text: str) -> Outcome:
    body = json.loads(text)
    body["rows"] = tuple((epoch, metrics) for epoch, metrics in body["rows"])
    body["failure"] = Failure(**body["failure"]) if body["failure"] else None
    body["evaluated"] = tuple(
        Evaluated(**{**each, "body": b64decode(each["body"])}) for each in body["evaluated"]
    )
    return Outcome(**body)
