"""Wires the parts together: journal, core, executor, projector and progress, for run and resume."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from lanewise import sweepfile, tracking, yaml
from lanewise.beforehand import examined, tell
from lanewise.cluster import executors, snapshots
from lanewise.cluster.surroundings import kept
from lanewise.dashboards.launcher import warmed
from lanewise.dashboards.state import (
    DUE,
    is_masked,
    local_uri,
    mask,
    pending,
    read_cursor,
    write_cursor,
)
from lanewise.dashboards.user_runs import TrialRuns, variables
from lanewise.display import progress, waiting
from lanewise.errors import INTERRUPTED, SweepFileError
from lanewise.machine import hardware, versions
from lanewise.own_code import change_of_code
from lanewise.plan import Plan, check_folder, has_own_code, identity, make_plan, plan_again
from lanewise.search.core.events import Launched
from lanewise.search.core.spec import Spec
from lanewise.search.core.sweep import Sweep
from lanewise.search.errors import JournalError
from lanewise.search.plain import say
from lanewise.search.schedulers.base import exploits
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.store.view import View, find, open_view
from lanewise.search.sweeps import go_on, make_sweep, replay
from lanewise.showing import Projector, finish
from lanewise.sweepfile import SweepFile
from lanewise.trainables.user_code.source import source_of

if TYPE_CHECKING:
    from lanewise.search.control.controller import Controller
    from lanewise.trainables.recipe import Recipe


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what: nothing here changes a decision of the sweep."""

    home: Home
    executor: str | None = None  # overrides the sweep file's
    address: str | None = None  # of a Ray cluster
    tracking_uri: str | None = None
    shows_progress: bool = True


def run(
    file: SweepFile,
    base: Path,
    options: Options,
    function: Callable[..., Any] | None = None,
    *,
    new: bool = False,
) -> dict[str, Any]:
    """Checks a sweep file as ``make_plan`` does, then launches it; its summary."""
    uri = tracking.tracking_uri(options.tracking_uri, file.mlflow.tracking_uri)
    with warmed(options.home, uri):
        with waiting("reading the data", shown=options.shows_progress):
            plan = make_plan(file, base, function, home=options.home)
        # Plain: a person may be in a debugger in their own code.
        with waiting("trying the model on a few rows", shown=options.shows_progress, plain=True):
            plan = examined(plan, is_remote=options.address is not None)
        return launch(plan, options, new=new)


def launch(plan: Plan, options: Options, *, new: bool = False) -> dict[str, Any]:
    """Begins a sweep and runs it; returns its summary.

    Raises:
        SweepFileError: an unfinished sweep has this name.
    """
    uri = tracking.tracking_uri(options.tracking_uri, plan.file.mlflow.tracking_uri)
    journal = options.home.journal(create=True)
    with ExitStack() as display:
        with ExitStack() as held:
            with options.home.launch_lock():
                if not new:
                    _refuse_namesake(options.home, journal, plan.file.name)
                launched = _launched(plan, options, uri)
                held.enter_context(options.home.controller_lock(launched.sweep))
                # Durable before Ray, torch or MLflow is imported: what happens now can be resumed.
                journal.append(launched.sweep, -1, [launched])
            tell(plan)
            projector = Projector(options.home, launched.sweep, uri)
            display.enter_context(_progress(options, launched.sweep, plan.file))
            status = _drive(plan, options, make_sweep(plan.spec), journal, 0, projector)
        return finish(journal, projector, status)


def resume(name: str | None, options: Options) -> dict[str, Any]:
    """Goes on with a sweep from its journal; returns its summary. A finished one only drains.

    Raises:
        UnknownSweepError, LockedError, JournalError; TrainableError where its data have changed.
    """
    journal = options.home.journal()
    sweep_id = find(journal, name)
    with ExitStack() as display:
        with options.home.controller_lock(sweep_id):
            view = open_view(journal, sweep_id)
            _drop_broken(options.home, view)
            projector = Projector(options.home, sweep_id, known_uri(view.launch, options))
            if view.history.closed:
                snapshots.remove_all(options.home.checkpoints(sweep_id))  # if it was killed then
                status = view.history.closed.status
                is_unreported = read_cursor(options.home, sweep_id).report == DUE
                if is_unreported or pending(options.home, sweep_id, journal):
                    projector.start()
                    display.enter_context(_progress(options, sweep_id, None))
            else:
                address = options.address or view.launch.details.get("address")
                options = replace(options, address=address)
                check_folder(view)
                with warmed(options.home, projector.uri):
                    with waiting("reading the data", shown=options.shows_progress):
                        plan = plan_again(view)
                    if changed := change_of_code(view.launch):
                        say(f"lanewise: {changed}; the trials to come run what it is now")
                    display.enter_context(_progress(options, sweep_id, plan.file))
                    status = _drive(plan, options, _replayed(view), journal, view.seq, projector)
        return finish(journal, projector, status)


def stop(name: str | None, home: Home) -> str:
    """Ends a sweep for good: asks its controller, or records the end where none runs.

    Returns:
        What was done, as a sentence.
    """
    from lanewise.search.core.events import BY_A_PERSON

    journal = home.journal()
    sweep_id = find(journal, name)
    view = open_view(journal, sweep_id)
    if view.history.closed:
        return f"{view.launch.name} has already ended: {view.history.closed.status}"
    if home.has_controller(sweep_id):
        journal.request(sweep_id, "stop")
        return f"{view.launch.name} ends once its running trials have reported"
    with home.controller_lock(sweep_id):
        view.refresh()
        _drop_broken(home, view)
        sweep = _replayed(view)
        sweep.close(BY_A_PERSON)
        journal.append(sweep_id, view.seq, sweep.drain())
        snapshots.remove_all(home.checkpoints(sweep_id))
        projector = Projector(home, sweep_id, known_uri(view.launch, Options(home)))
        projector.start()
    left = projector.finish(journal, patience=60.0)
    shown = f"; MLflow lacks its last {left} records" if left else ""
    return f"{view.launch.name} was not running; it is ended now{shown}"


def choose_executor(asked: str, file: SweepFile) -> tuple[str, str]:
    """The executor for ``executor: ...`` and why it was chosen."""
    if asked != "auto":
        return asked, "requested"
    if file.train is not None:
        why = "auto: a training function of your own runs as Ray Tune trials"
        return executors.for_functions(), why
    why = f"auto: {file.model_name} trains in packs where that is faster"
    return executors.for_models(), why


def _progress(
    options: Options, sweep: str, file: SweepFile | None
) -> AbstractContextManager[object]:
    """The display of a sweep; ``file``: None where it only has to be shown in MLflow."""
    executor = "" if file is None else choose_executor(options.executor or file.executor, file)[0]
    return progress(options.home, sweep, executor, shown=options.shows_progress)


# -- beginning ---------------------------------------------------------------------------------


def _refuse_namesake(home: Home, journal: Journal, name: str) -> None:
    namesakes = [launch.sweep for launch, _ in journal.launches() if launch.name == name]
    if not namesakes:
        return
    try:
        view = open_view(journal, namesakes[-1])
    except JournalError:  # it is in nobody's way: broken, it cannot be resumed
        return
    if view.history.closed is None:
        raise SweepFileError(
            f"name: the sweep '{name}' ({view.launch.sweep}) is {view.status(home)}: resume it "
            f"(lanewise resume {view.launch.sweep}), or begin another one with --new"
        )


def _launched(plan: Plan, options: Options, uri: str | None) -> Launched:
    body = sweepfile.to_json(plan.file)
    if plan.file.mlflow.tracking_uri:
        body["mlflow"] = {**body["mlflow"], "tracking_uri": masked(uri)}
    details = {
        "sweep_file": body,
        "sweep_yaml": yaml.dump(body),
        "base": str(plan.base),
        "folder": plan.folder,
        "model": plan.file.model_name or plan.file.train,
        "code": _code(plan),
        "data": identity(plan),
        "task": plan.prepared.info.task if plan.prepared else None,
        "versions": versions(),
        "mlflow": {
            "tracking_uri": masked(uri),
            "experiment": plan.file.mlflow.experiment or plan.file.name,
        },
        "address": options.address,
    }
    if plan.verifies is not None:
        details["verifies"] = dict(plan.verifies)
    return Launched(_new_id(plan.file.name), plan.file.name, plan.spec.to_json(), details)


def _code(plan: Plan) -> dict[str, str] | None:
    """The file of a person's own code, as it is now."""
    found = source_of(plan.file.model_name or plan.file.train or "", plan.base)
    return None if found is None else {"file": found.file, "sha256": found.digest}


def _new_id(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24]
    return f"{slug or 'sweep'}-{secrets.token_hex(4)}"


# -- resuming ----------------------------------------------------------------------------------


def masked(uri: str | None) -> str | None:
    """The URI as it may be written down."""
    return mask(uri) if uri else None


def _drop_broken(home: Home, view: View) -> None:
    """Removes a newest record that cannot be read, and says so: it counts as never written."""
    sweep = view.launch.sweep
    if not view.journal.truncate(sweep, view.seq):
        return
    cursor = read_cursor(home, sweep)  # what comes in its place is not what MLflow has
    write_cursor(home, sweep, replace(cursor, seq=min(cursor.seq, view.seq)))
    say(
        f"lanewise: record {view.seq + 1} of {sweep}, its newest, was broken and is dropped; "
        "what it recorded is done again"
    )


def _replayed(view: View) -> Sweep:
    """The core as the journal left it, with the view's history; nothing is asked again."""
    if all(trial.rungs for trial in view.history):
        return go_on(view.spec, view.history)
    # Up to format 3 the rungs were not recorded: who stands where at them is folded once more.
    records = view.journal.stream(view.launch.sweep)
    return replay(view.spec, (record.event for record in records))


def known_uri(launch: Launched, options: Options) -> str | None:
    """The MLflow that a sweep is shown in, with its password; None for the home's own.

    Raises:
        SweepFileError: another one is asked for, or its password is not known.
    """
    recorded = launch.details["mlflow"]["tracking_uri"]
    if recorded is None or not is_masked(recorded):
        if options.tracking_uri not in (None, recorded):
            raise SweepFileError(
                f"--tracking-uri: the sweep is shown in {masked(recorded) or 'its home'} and "
                "stays there"
            )
        return None if recorded is None else str(recorded)
    given = tracking.tracking_uri(options.tracking_uri, None)
    if masked(given) != masked(recorded):
        raise SweepFileError(
            f"mlflow.tracking_uri: the sweep was launched with {recorded}; give it again, with "
            "its password or token, in MLFLOW_TRACKING_URI or --tracking-uri"
        )
    return given


def sync_uri(launch: Launched, home: Home, flag: str | None) -> str | None:
    """Where ``sync`` writes to: where the sweep is shown, or another MLflow that is asked for."""
    return tracking.tracking_uri(flag, None) if flag else known_uri(launch, Options(home))


# -- running -----------------------------------------------------------------------------------


def _drive(
    plan: Plan,
    options: Options,
    sweep: Sweep,
    journal: Journal,
    seq: int,
    projector: Projector,
) -> str:
    """Runs the sweep until it ends or is left; returns its status."""
    sweep_id = projector.sweep
    _keep_freed_memory()
    from lanewise.cluster.checkpoints import Checkpoints, Storage
    from lanewise.cluster.limits import Limits
    from lanewise.cluster.resources import Resources
    from lanewise.correction import selection_of
    from lanewise.search.control.controller import BEST_MODEL, Controller

    file = plan.file
    asked = options.executor or plan.file.executor
    name, why = choose_executor(asked, plan.file)
    folder = options.home.checkpoints(sweep_id)
    folder.mkdir(parents=True, exist_ok=True)
    copies = exploits(sweep.scheduler)
    storage = Storage(str(folder), plan.file.checkpoint.every, snapshots=copies)
    chosen = executors.EXECUTORS[name]
    address = options.address if chosen.is_remote else None
    setup = executors.Setup(
        recipe=partial(_recipe, plan, sweep_id, options.home, projector.uri),
        storage=storage,
        folder=options.home.sweep(sweep_id) / "ray",
        resources=Resources(file.resources.cpus, file.resources.gpus),
        address=address,
        most=file.max_concurrent,
        enough=_enough(plan.spec, sweep.sampler.is_adaptive),
        limits=Limits(file.limits.trial, file.limits.epoch),
        force_packing=name == asked,  # who asks for packs gets them
    )
    executor = chosen.make(setup)
    limit, trials = plan.file.checkpoint.limit, plan.spec.budget.trials
    checkpoints = Checkpoints(storage, limit, trials)
    here = {"host": socket.gethostname(), "pid": os.getpid(), "address": address}
    here["hardware"] = hardware()
    sweep.opened(name, why, here)
    for topic, text in plan.notes.items():
        sweep.note(topic, text)
    if plan.prepared is not None and plan.prepared.notes:
        sweep.note("data", "; ".join(plan.prepared.notes))
    selection = selection_of(plan, sweep, journal, sweep_id)
    controller = Controller(
        sweep, sweep_id, journal, seq, executor, checkpoints, selection=selection
    )
    projector.start()
    with _signals(controller), _stdout_kept(), kept():
        status = controller.run()
    if told := sweep.history.notes.get(BEST_MODEL):
        say(f"lanewise: {BEST_MODEL}: {told}")
    return status


def _recipe(plan: Plan, sweep: str, home: Home, uri: str | None) -> Recipe:
    """What the trials share; code of a person's logs to the runs of its trials."""
    recipe = plan.recipe()
    if not has_own_code(plan.file):
        return recipe
    experiment = plan.file.mlflow.experiment or plan.file.name
    runs = TrialRuns(uri or local_uri(home), experiment, sweep, home, variables())
    return replace(recipe, around=runs)


def _enough(spec: Spec, is_adaptive: bool) -> int | None:
    """How many trials at a time do no harm: a sampler that learns has to see some results."""
    if not is_adaptive or spec.budget.trials is None:
        return None
    return spec.budget.trials // 4


def _keep_freed_memory() -> None:
    """Makes glibc keep freed memory of up to twice this size for the next allocation.

    Else every suggestion of TPE maps and unmaps its matrices anew: 700 page faults at 3,000 trials,
    a third of its time.
    """
    import numpy as np

    np.empty(3 << 20, dtype=np.uint8)


@contextmanager
def _signals(controller: Controller) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends gracefully, the second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            os._exit(INTERRUPTED)  # resumable all the same: the journal is ahead of everything
        say("\ninterrupted: waiting for the running epochs (again to leave at once)")
        controller.interrupt()

    kept = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """Keeps standard output for results: what user code prints goes to standard error."""
    kept, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout = kept
