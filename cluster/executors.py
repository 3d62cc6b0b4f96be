"""The executors by name: what each can, and how to make it. Nothing heavy is imported for asking.

A new one is a file with a class (the protocol: ``search.control.executor``), and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lanewise.cluster.limits import NO_LIMITS, Limits
from lanewise.cluster.resources import Resources

if TYPE_CHECKING:
    from lanewise.cluster.checkpoints import Storage
    from lanewise.search.control.executor import Executor
    from lanewise.trainables.recipe import Recipe


@dataclass(frozen=True)
class Setup:
    """What an executor is made of; each takes of it what it knows.

    Attributes:
        recipe: makes what the trials share.
        storage: where checkpoints lie.
        folder: for its own files and logs.
        resources: of a worker.
        address: of a Ray cluster; None for a local one.
        most: trials at a time, None for as many as there is room for.
        enough: trials at a time beyond which more are of no use.
        limits: of a trial's and an epoch's time.
        force_packing: whether trials train in packs even where that is no faster.
    """

    recipe: Callable[[], Recipe]
    storage: Storage
    folder: Path
    resources: Resources
    address: str | None = None
    most: int | None = None
    enough: int | None = None
    limits: Limits = NO_LIMITS
    force_packing: bool = False


@dataclass(frozen=True)
class ExecutorType:
    """An executor that can be chosen.

    Attributes:
        make: gets it, not yet open.
        packs: it trains many models at once, as lanes of packs.
        isolates: each trial has a process with resources of its own.
        is_remote: it can use a cluster; else it is this process.
        functions: it runs training functions of a person's own.
    """

    make: Callable[[Setup], Executor]
    packs: bool = False
    isolates: bool = False
    is_remote: bool = True
    functions: bool = True


def _packed(setup: Setup) -> Executor:
    from lanewise.cluster.packed import PackedExecutor

    return PackedExecutor(
        setup.recipe(),
        setup.storage,
        setup.folder,
        setup.resources,
        address=setup.address,
        most=setup.most,
        enough=setup.enough,
        limits=setup.limits,
        force_packing=setup.force_packing,
    )


def _tune(setup: Setup) -> Executor:
    from lanewise.cluster.tune import TuneExecutor

    return TuneExecutor(
        setup.recipe(),
        setup.storage,
        setup.folder,
        setup.resources,
        address=setup.address,
        most=setup.most,
        limits=setup.limits,
    )


def _inline(setup: Setup) -> Executor:
    from lanewise.cluster.inline import InlineExecutor

    return InlineExecutor(setup.recipe, setup.storage, setup.limits)


EXECUTORS: dict[str, ExecutorType] = {
    "packed": ExecutorType(_packed, packs=True),
    "tune": ExecutorType(_tune, isolates=True),
    "inline": ExecutorType(_inline, is_remote=False),
}


def for_models() -> str:
    """The name of the one that suits most models."""
    return next(name for name, each in EXECUTORS.items() if each.packs)


def for_functions() -> str:
    """The name of the one that suits a training function of a person's own."""
    return next(name for name, each in EXECUTORS.items() if each.isolates and each.functions)
