"""Each attempt as one Ray Tune trial with its own resources; Tune places them.

``Tuner.fit`` runs in a thread of its own. Tune's public Searcher and TrialScheduler are adapters:
they hand what Tune says to the controller and wait for its answer, so that nothing is started,
continued or stopped before the journal holds it.
"""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.cluster.blame import end_alone, ends_together
from lanewise.cluster.bridge import Bridge, Loss, Want
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.errors import ClusterError
from lanewise.cluster.limits import NO_LIMITS, Limits
from lanewise.cluster.memory import is_low_memory
from lanewise.cluster.ray_session import RaySession, quiet
from lanewise.cluster.resources import Resources
from lanewise.cluster.rungs import next_until
from lanewise.search.control.executor import Best, Halt, Order, Outcome, Proceed, Start
from lanewise.search.core.sweep import Run

if TYPE_CHECKING:
    from lanewise.trainables.recipe import Recipe


VERIFYING = 300.0  # seconds that the best model's evaluation at the end may take
_NAME = "tune"  # of Tune's experiment, and so of its folder


class TuneExecutor:
    """Runs attempts as Ray Tune trials on a local Ray, or on the cluster at ``address``.

    Args:
        recipe: shared by all trials; put into the object store once.
        folder: for Ray's own files and log.
        most: trials at a time, None for as many as the resources allow.
        limits: of a trial's and an epoch's time.
    """

    name = "tune"

    def __init__(
        self,
        recipe: Recipe,
        storage: Storage,
        folder: Path,
        resources: Resources,
        address: str | None = None,
        most: int | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._recipe = recipe
        self._storage = storage
        self._folder = folder
        self._resources = resources
        self._session = RaySession(address)
        self._most = most
        self._limits = limits
        self._bridge = Bridge()
        self._asking: Want | Outcome | None = None  # what Tune's thread waits for an answer to
        self._again: list[Run] = []  # attempts that go on elsewhere than at the next rung
        self._runs: dict[int, Run] = {}  # as their workers have them
        self._thread: threading.Thread | None = None
        self._reference: Any = None  # to the recipe

    def open(self) -> None:
        available = self._session.open()
        slots = self._resources.slots(available)
        if self._session.address is None:
            self._most = min(self._most or slots, slots)
        self._thread = threading.Thread(target=self._fit, name="tune", daemon=True)
        self._thread.start()

    # -- the controller's side ---------------------------------------------------------------

    def poll(self, timeout: float) -> list[Outcome]:
        self._session.check()
        try:
            said = self._bridge.inbox.get(timeout=timeout)
        except queue.Empty:
            self._check_alive()
            return []
        if isinstance(said, BaseException):
            self._session.check()
            if not is_low_memory(str(said)) or not self._session.is_ours:
                raise ClusterError(f"ray: {said}") from said
            return self._begin_anew(str(said))
        if isinstance(said, Loss):
            self._session.check()  # where the raylet is gone, that is no fault of the trial
            run = said.run
            self._runs.pop(run.number, None)
            note = self._storage.hung(run.number, run.attempt)
            end = end_alone(run, note, said.text, self._limits, is_preempted=said.is_preempted)
            return [end]
        self._asking = said
        return [said] if isinstance(said, Outcome) else []

    def room(self, orders: Sequence[Order]) -> int:
        return 1 if isinstance(self._asking, Want) and not self._again else 0

    def _begin_anew(self, text: str) -> list[Outcome]:
        """Where Ray's memory monitor ends one worker, Tune ends with an exception, and all trials.

        Returns:
            The end of every attempt that ran: one needs too much memory, the others do not.
        """
        self._stop()
        running = [run for run in self._runs.values() if run not in self._again]
        notes = {self._storage.hung(run.number, run.attempt): run for run in running}
        outcomes = ends_together(notes, text, self._limits)
        for run in running:
            del self._runs[run.number]
        self._bridge = Bridge()
        self.open()
        return outcomes

    def send(self, orders: Sequence[Order]) -> None:
        asking, self._asking = self._asking, None
        if isinstance(asking, Want):
            starts = [order.run for order in orders if isinstance(order, Start)]
            self._bridge.answers.put(self._begin(starts))
        elif asking is not None:
            self._bridge.answers.put(self._follow(asking, orders))

    def _begin(self, starts: list[Run]) -> Run | None:
        run = self._again.pop() if self._again else next(iter(starts), None)
        if run is not None:
            self._runs[run.number] = run
        return run

    def _follow(self, asking: Outcome, orders: Sequence[Order]) -> Order:
        order = next((o for o in orders if not isinstance(o, Start)), Halt(asking.number))
        if not isinstance(order, Proceed):
            del self._runs[asking.number]
            # One that takes over another's weights begins anew.
            self._again += [o.run for o in orders if isinstance(o, Start)]
            return Halt(asking.number)
        run = self._runs[order.number]
        epoch = asking.rows[-1][0] if asking.rows else run.epoch
        expected = next_until(run.rungs, run.until, epoch)
        self._runs[order.number] = replace(run, epoch=epoch, until=order.until)
        if order.until == expected:
            return order
        # The worker would train to the next rung; a budget says otherwise. Let it go, and start
        # the attempt again from its checkpoint, up to where it may train.
        self._again.append(self._runs[order.number])
        return Halt(order.number)

    def _check_alive(self) -> None:
        if self._thread is not None and not self._thread.is_alive():
            raise ClusterError("ray: Tune has ended before the sweep did")

    def notes(self) -> Mapping[str, str]:
        return {}

    def verify(self, best: Best) -> str:
        """A task of Ray does it, beside Tune's actors and without resources: they have them all."""
        if self._recipe.train is not None or self._reference is None:
            return ""
        import ray

        from lanewise.cluster.tune_worker import verify_stored

        task = ray.remote(num_cpus=0, num_gpus=0, max_retries=0)(verify_stored)
        try:
            told: str = ray.get(
                task.remote(self._reference, self._storage, best), timeout=VERIFYING
            )
        except ray.exceptions.RayError as error:
            why = next((line for line in str(error).splitlines() if line.strip()), "")
            return f"trial {best.number} could not be evaluated again: {why}"
        return told

    def leave(self) -> None:
        """Nothing to hurry: an attempt is heard of after each slice."""

    def close(self) -> None:
        self._stop()
        # What Tune writes for a restore of its own, with a folder for each trial.
        shutil.rmtree(self._folder / _NAME, ignore_errors=True)

    def _stop(self) -> None:
        self._bridge.is_closed.set()
        if self._session.is_gone:
            return  # Tune's thread does not come back, and Ray ends the process when shut down
        if self._thread is not None:
            self._thread.join(timeout=20)
            self._thread = None
        self._session.close()

    # -- Tune's side -----------------------------------------------------------------------

    def _fit(self) -> None:
        try:
            with quiet(self._folder):
                self._tuner().fit()
        except BaseException as error:
            self._bridge.inbox.put(error)

    def _tuner(self) -> Any:
        import ray
        from ray import tune

        from lanewise.cluster.tune_adapters import Adapter, Suggestions
        from lanewise.cluster.tune_worker import Job, TuneWorker

        self._reference = ray.put(self._recipe)
        job = Job(
            recipe=self._reference,
            storage=self._storage,
            limits=self._limits,
        )
        trainable = tune.with_resources(
            tune.with_parameters(TuneWorker, job=job), self._resources.to_ray()
        )
        return tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=Suggestions(self._bridge),
                scheduler=Adapter(self._bridge),
                num_samples=-1,
                max_concurrent_trials=self._most,
                reuse_actors=True,
                trial_name_creator=_trial_name,
                trial_dirname_creator=_trial_name,
            ),
            run_config=tune.RunConfig(
                name=_NAME,
                storage_path=str(self._folder),
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        )


def _trial_name(trial: Any) -> str:
    from lanewise.cluster.tune_worker import RUN, decode_run

    run = decode_run(trial.config[RUN])
    return f"trial-{run.number:05d}-{run.attempt}-{trial.trial_id}"
