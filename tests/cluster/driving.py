"""Small sweeps from their beginning to their end, by whichever executor."""

from __future__ import annotations

from pathlib import Path

from lanewise.cluster.checkpoints import Checkpoints, Storage
from lanewise.cluster.executors import EXECUTORS, Setup
from lanewise.cluster.resources import Resources
from lanewise.search.control.controller import Controller
from lanewise.search.control.executor import Executor
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec
from lanewise.search.schedulers import make_scheduler
from lanewise.search.schedulers.base import exploits
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep
from lanewise.trainables.recipe import Recipe


def drive(name: str, recipe: Recipe, spec: Spec, folder: Path) -> History:
    """A sweep by the executor of that name; all that it leaves is in the folder."""
    storage = Storage(str(folder / "checkpoints"), 300, snapshots=exploits(make_scheduler(spec)))
    Path(storage.folder).mkdir(exist_ok=True)
    executor = executor_of(name, recipe, storage, folder / "ray")
    running = controller(executor, spec, storage, folder)
    running.run()
    running.journal.close()
    return running.sweep.history


def controller(executor: Executor, spec: Spec, storage: Storage, folder: Path) -> Controller:
    """The controller of a new sweep, whose journal is in the folder."""
    journal = Journal(folder / "journal.db", create=True)
    return Controller(
        make_sweep(spec), "s", journal, journal.last("s"), executor, Checkpoints(storage, 10**9)
    )


def executor_of(name: str, recipe: Recipe, storage: Storage, folder: Path) -> Executor:
    """An executor by its name; those on Ray want the fixture ``ray_local``."""
    setup = Setup(lambda: recipe, storage, folder, Resources(1, 0))
    return EXECUTORS[name].make(setup)
