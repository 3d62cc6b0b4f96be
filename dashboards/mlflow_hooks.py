"""The places in MLflow's API where a trial's run comes in; nothing here imports MLflow.

``start_run``, ``active_run`` and ``set_experiment`` are wrapped, and so are three methods of
``MlflowClient``, so that no code of a trial ends its run or contradicts what Lanewise logs of it.
Outside of a trial all of them do as before.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lanewise.dashboards.user_runs import TrialRun

    Current = Callable[[], TrialRun | None]

ENDED = ("FINISHED", "FAILED", "KILLED")
_STACK = "_active_run_stack"
_STARTS = "_get_or_start_run"  # what `log_metric` and its like call

_local = threading.local()  # .shown: the run that the code has logged to, and not started itself


def put_in(name: str, current: Current) -> None:
    """Wraps MLflow's functions, now or when the module of that name is imported."""
    module = sys.modules.get(name)
    if module is not None:
        _wrap(module, current)
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(name, current))


class _Finder(MetaPathFinder):
    """Wraps a module's functions right after it is imported."""

    def __init__(self, name: str, current: Current) -> None:
        self._name, self._current = name, current

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        with suppress(ValueError):
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute, current = spec.loader.exec_module, self._current

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _wrap(module, current)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _wrap(fluent: Any, current: Current) -> None:
    """``fluent`` is the module; who holds one of its functions by now holds the wrapped one."""
    if getattr(fluent, "_lanewise", False):
        return
    fluent._lanewise = True
    start, active, choose = fluent.start_run, fluent.active_run, fluent.set_experiment

    def adopt(run: TrialRun, **options: Any) -> Any:
        """Makes the trial's run the thread's active one, and leaves its status alone."""
        run_id, experiment_id = run.find()
        os.environ["MLFLOW_EXPERIMENT_ID"] = experiment_id  # for runs within it, and for traces
        before = fluent.MlflowClient().get_run(run_id).info
        made = start(run_id=run_id, **options)
        if before.status in ENDED:  # a clean-up behind its end
            ends(fluent.MlflowClient(), run_id, before.status, before.end_time)
        return made

    @wraps(start)
    def start_run(run_id: str | None = None, *arguments: Any, **options: Any) -> Any:
        run, held = current(), active()
        is_own = run is not None and run_id in (None, run.known and run.known[0])
        if run is None or not is_own:
            return start(run_id, *arguments, **options)
        if held is not None and held is not getattr(_local, "shown", None):
            return start(run_id, *arguments, **options)  # within the trial's run, or refused
        if held is not None:
            fluent.end_run()
        names = ("experiment_id", "run_name", "nested", "parent_run_id", "tags", "description")
        options |= dict(zip(names, arguments, strict=False))
        kept = {
            k: options[k] for k in ("tags", "description", "log_system_metrics") if k in options
        }
        return adopt(run, **kept)

    @wraps(active)
    def active_run() -> Any:
        held, run = active(), current()
        if held is not None or run is None:
            return held
        _local.shown = adopt(run)
        return _local.shown

    @wraps(choose)
    def set_experiment(*arguments: Any, **options: Any) -> Any:
        run = current()
        if run is None:
            return choose(*arguments, **options)
        return fluent.MlflowClient().get_experiment(run.find()[1])

    wrapped = {start: start_run, active: active_run, choose: set_experiment}
    if (log := getattr(fluent, _STARTS, None)) is not None:
        wrapped[log] = wraps(log)(lambda: active_run() or log())
    _replace(wrapped, fluent)
    ends = _guard(fluent.MlflowClient, current)


def _guard(client: Any, current: Current) -> Callable[..., None]:
    """Keeps a trial's code from ending its run and from other values of its parameters.

    Returns:
        MLflow's own ``set_terminated``.
    """
    ends, log_param, log_batch = client.set_terminated, client.log_param, client.log_batch

    def mine(run_id: str) -> frozenset[str] | None:
        """The parameters that are logged of a run, if it is that of the code that calls."""
        run = current()
        is_mine = run is not None and run.known is not None and run.known[0] == run_id
        return run.params if run is not None and is_mine else None

    @wraps(ends)
    def set_terminated(self: Any, run_id: str, *arguments: Any, **options: Any) -> None:
        if mine(run_id) is None:
            ends(self, run_id, *arguments, **options)

    @wraps(log_param)
    def logs_param(self: Any, run_id: str, key: str, value: Any, *more: Any, **options: Any) -> Any:
        if key in (mine(run_id) or ()):
            return value
        return log_param(self, run_id, key, value, *more, **options)

    @wraps(log_batch)
    def logs_batch(
        self: Any,
        run_id: str,
        metrics: Sequence[Any] = (),
        params: Sequence[Any] = (),
        *more: Any,
        **options: Any,
    ) -> Any:
        if params and (known := mine(run_id)):
            params = [param for param in params if param.key not in known]
        return log_batch(self, run_id, metrics, params, *more, **options)

    client.set_terminated, client.log_param, client.log_batch = (
        set_terminated,
        logs_param,
        logs_batch,
    )
    done: Callable[..., None] = ends
    return done


def _replace(new: dict[Any, Any], fluent: Any) -> None:
    """Wherever a module holds one of the functions: MLflow's own, and ``from mlflow import …``."""
    for module in [fluent, *sys.modules.values()]:
        for name, value in list(getattr(module, "__dict__", {}).items()):
            with suppress(TypeError):  # what cannot be hashed is none of them
                if (wrapped := new.get(value)) is not None:
                    setattr(module, name, wrapped)


@contextmanager
def own_stack(fluent: Any) -> Iterator[None]:
    """Runs that the thread has started before are not active inside, and are again afterwards."""
    stack = getattr(fluent, _STACK, None)
    if stack is None or not hasattr(stack, "get"):
        yield
        return
    held = stack.get()
    before, held[:] = list(held), []
    try:
        yield
    finally:
        held[:] = before


def end_all(fluent: Any) -> None:
    """Nothing that the thread has started is active any more; what fails is left as it is."""
    stack = getattr(fluent, _STACK).get()
    with suppress(Exception):
        while stack:
            fluent.end_run()
    stack.clear()
