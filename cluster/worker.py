"""One attempt after another in this process, a slice at a time: inline, and in a Tune trial."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from lanewise.cluster.attempt import Attempt
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import NO_LIMITS, Limits, alarm
from lanewise.cluster.surroundings import around, enter
from lanewise.search.control.executor import Best, Outcome
from lanewise.search.core.sweep import Run
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Trial
from lanewise.trainables.trial import open_trial

SLICE = 5.0  # seconds after which a slice ends at the next epoch, so that reports travel


class Worker:
    """Trains the attempts of one sweep; stays warm between them.

    Args:
        limits: a trial over its time fails with kind ``timeout``; an epoch over its time ends this
            whole process, and leaves where it was in ``storage.hung``.
    """

    def __init__(self, recipe: Recipe, storage: Storage, limits: Limits = NO_LIMITS) -> None:
        self.recipe = recipe
        self.storage = storage
        self.limits = limits
        self._attempt: Attempt | None = None
        self._trial: Trial | None = None
        self._notes: dict[str, str] = {}  # that nobody has heard of
        self._warned = False
        self._held = ExitStack()  # what the attempt's code runs in

    def begin(self, run: Run) -> None:
        """Takes an attempt; nothing is loaded or built before its first slice."""
        self.stop()
        # At each attempt: the code of the last one may have gone elsewhere.
        if (note := enter(self.recipe.folder)) and not self._warned:
            self._notes["folder"], self._warned = note, True
        self._held.enter_context(self._inside(run))
        self._attempt = Attempt(run, self.storage, self.limits)

    def advance(self, until: int, seconds: float = SLICE) -> Outcome:
        """Trains towards epoch ``until`` for about ``seconds``; never raises for the trial's sake.

        A checkpoint is written when ``until`` is reached, the trial ends or the last one is old.
        """
        assert self._attempt is not None
        attempt, run = self._attempt, self._attempt.run
        # The slice's last epoch begins before its end, and then has all of its time.
        patience = None
        if self.limits.epoch is not None:
            seconds = min(seconds, self.limits.epoch)
            patience = seconds + self.limits.epoch
        try:
            with alarm(self.storage.hung(run.number, run.attempt), patience):
                outcome = self._advance(attempt, until, seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            outcome = attempt.failed(error)
        if outcome.failure:
            self.stop()
        notes, self._notes = self._notes, {}
        return replace(outcome, notes=notes) if notes else outcome

    def _advance(self, attempt: Attempt, until: int, seconds: float) -> Outcome:
        run = attempt.run
        trial = self._trial = self._trial or attempt.open(
            lambda path, adopt: open_trial(
                self.recipe, run.params, run.seed, path, lambda: self._inside(run), adopt
            )
        )
        began = time.monotonic()
        ended = trial.advance(until, min(seconds, attempt.seconds_left))
        attempt.spend(time.monotonic() - began)
        return attempt.report(due=trial.epoch >= until, ended=ended)

    def verify(self, best: Best) -> str:
        """See ``Executor.verify``."""
        return verify(self.recipe, self.storage, best)

    def stop(self) -> None:
        """Ends the attempt, if there is one."""
        if self._attempt is not None:
            self._attempt.close()
        self._held.close()
        self._attempt = self._trial = None

    def _inside(self, run: Run) -> AbstractContextManager[object]:
        return around(self.recipe, run)


def verify(recipe: Recipe, storage: Storage, best: Best) -> str:
    """How the stored best model differs from what was reported of it; "" if it does not."""
    if recipe.train is not None:
        return ""
    from lanewise.trainables.checkpoints.fidelity import difference

    with around(recipe, None):  # the model is built once more, for no attempt
        return difference(
            storage.weights(best.number), recipe, best.number, best.epoch, best.metrics
        )
