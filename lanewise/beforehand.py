"""What is looked at between a plan and its launch: a user's own code, and what goes unsaid.

A user's model is tried on a few rows, for which torch is imported and their code runs; of a
training function only the text is read.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lanewise.dashboards.user_runs import unlogged
from lanewise.plan import Plan
from lanewise.search.plain import say
from lanewise.trainables.errors import ModelError
from lanewise.trainables.models import MODELS


def examined(plan: Plan, *, is_remote: bool = False) -> Plan:
    """The plan with what a person should know of it before it is launched.

    Args:
        is_remote: trials run on a cluster, which may have packages that are not installed here.

    Raises:
        TrainableError: the user's code cannot be trained, or loses what it learns; one line.
    """
    notes = dict(_start(plan))
    if plan.file.train is not None:
        notes |= _unread_by_function(plan)
    elif plan.function is not None or plan.file.model_name not in MODELS:
        notes |= _rehearsed(plan, is_remote=is_remote)
    return replace(plan, notes={**plan.notes, **notes})


def tell(plan: Plan) -> None:
    """Says the notes of a plan, as its sweep begins."""
    for note in plan.prepared.notes if plan.prepared else ():
        say(f"lanewise: data: {note}")
    for text in plan.notes.values():
        say(f"lanewise: {text}")


def _start(plan: Plan) -> Iterator[tuple[str, str]]:
    """Start configurations beyond the budget's trials."""
    given, trials = len(plan.spec.start), plan.spec.budget.trials
    if trials is not None and given > trials:
        left = "the last one is" if given - trials == 1 else f"the last {given - trials} are"
        yield "start", f"start: {given} configurations for {trials} trials; {left} not tried"


def _rehearsed(plan: Plan, *, is_remote: bool) -> dict[str, str]:
    from lanewise.trainables.user_code.rehearsal import rehearse

    fixed = {name: f"model.{plan.file.model_name}.{name}" for name in plan.file.fixed}
    paths = fixed | {name: f"space.{name}" for name in plan.spec.space.names}
    try:
        # What user code prints is no result, and what it logs belongs to no trial.
        with contextlib.redirect_stdout(sys.stderr), unlogged():
            configs = [config for _, config in plan.spec.space.probes()]
            told = rehearse(plan.recipe(), configs, paths)
    except ModelError as error:
        if is_remote and isinstance(error.__cause__, ImportError):
            return {}
        raise
    return {"model": "; ".join(told)} if told else {}


def _unread_by_function(plan: Plan) -> dict[str, str]:
    """Names of the space that nothing in a training function's code has."""
    from lanewise.trainables.user_code import mentions

    place, _, name = str(plan.file.train).rpartition(":")
    if plan.function is not None:
        words, is_whole = mentions.mentions_of(plan.function), mentions.takes_whole(plan.function)
    elif place.endswith(".py"):
        file = (plan.base / Path(place).expanduser()).resolve()
        words, is_whole = mentions.mentions_in(file), mentions.takes_whole_in(file, name)
    else:
        return {}
    unread = [] if is_whole else [n for n in plan.spec.space.names if n not in words]
    if not unread:
        return {}
    each = ", ".join(f"space.{name}" for name in unread)
    them = "it" if len(unread) == 1 else "them"
    return {"space": f"{each}: nothing in the code of {name} reads {them}"}
