"""``lw.tune``: a sweep in one Python call, with everything that a sweep file can say."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lanewise import sweepfile
from lanewise.errors import SweepFileError
from lanewise.launch import Options, run
from lanewise.launch import resume as resume_sweep
from lanewise.result import Result
from lanewise.search.plain import say
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view
from lanewise.spaces import Space
from lanewise.sweepfile import SweepFile
from lanewise.trainables.user_code.contract import check_given

Function = Callable[..., Any]


def tune(
    *,
    model: str | Mapping[str, Any] | Function | None = None,
    train: str | Function | None = None,
    data: Any = None,
    groups: Any = None,
    space: Mapping[str, Any] | Space | None = None,
    maximize: str | None = None,
    minimize: str | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    time: float | str | None = None,
    home: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    new: bool = True,
    **settings: Any,
) -> Result:
    """Runs a sweep to its end.

    Args:
        model: ``"mlp"``, ``{"mlp": {fixed settings}}``, ``build(config, info)`` or a reference.
        train: ``train(config, report)`` or a reference to one, instead of a model.
        data: arrays ``(X, y)``, ``(DataFrame, "target")``, a source such as ``"csv:rows.csv"``, or
            the mapping of a sweep file (``source``, ``target``, ``split``) with either as source.
        groups: beside arrays or a DataFrame, one value per row or the name of a column; rows of
            equal value come into one part.
        space: name -> domain (``lw.Float(...)``) or constant; a ready-made one if left out.
        maximize, minimize: the metric, such as ``"val_accuracy"``; exactly one of the two.
        trials, epochs, time: the budget.
        home: where everything is kept, else ``LANEWISE_HOME``, else ``./.lanewise``.
        address: of a Ray cluster; else a local one is started.
        new: begin another sweep even if an unfinished one has its name.
        settings: any other key of the sweep file (``sampler``, ``scheduler``, ``executor``, ...).

    Raises:
        SweepFileError, SpaceError, SearchError, TrainableError: a mistake in the arguments; one
            line. ClusterError, JournalError: what the sweep stands on does not work.
    """
    _check_names(settings)
    place = Home.find(home)
    check_given(model, "model")
    check_given(train, "train")
    function, named = _function(model if train is None else train)
    body: dict[str, Any] = {
        "name": _default_name(function),
        "model": named if train is None else None,
        "train": named if train is not None else None,
        "data": _data(data, groups, place),
        "objective": {"maximize": maximize, "minimize": minimize},
        "space": _space(space),
        "budget": _budget(settings.pop("budget", {}), trials, epochs, time),
        **settings,
    }
    body = {key: value for key, value in body.items() if value is not None}
    body["objective"] = {key: value for key, value in body["objective"].items() if value}
    file = sweepfile.parse(body, "lw.tune")
    options = Options(place, address=address, shows_progress=progress)
    return _result(run(file, Path.cwd(), options, function, new=new), place, function)


def resume(
    sweep: str | None = None,
    *,
    home: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
) -> Result:
    """Goes on with an interrupted sweep, by name or id (the newest one by default)."""
    place = Home.find(home)
    options = Options(place, address=address, shows_progress=progress)
    return _result(resume_sweep(sweep, options), place)


def _result(summary: dict[str, Any], home: Home, function: Function | None = None) -> Result:
    from lanewise.dashboards.summary import history

    view = open_view(home.journal(), summary["sweep"])
    return Result(summary, history(view), home, function)


def _check_names(settings: Mapping[str, Any]) -> None:
    own = [name for name in inspect.signature(tune).parameters if name != "settings"]
    for name in settings:
        if name not in SweepFile.model_fields:
            raise SweepFileError(
                f"lw.tune: there is no argument '{name}'{sweepfile.hint(name, own)} "
                f"(allowed: {', '.join(own)}, and the keys of a sweep file)"
            )


def _function(given: Any) -> tuple[Function | None, Any]:
    """A function given in Python, and the reference by which a resume finds it again."""
    if not callable(given):
        return None, dict(given) if isinstance(given, Mapping) else given
    name = getattr(given, "__qualname__", "")
    module = getattr(given, "__module__", "")
    if not name.isidentifier() or module not in sys.modules:
        return given, _unnamed(given, "it is no function at the top of a module")
    if module != "__main__":
        return given, f"{module}:{name}"
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        return given, _unnamed(given, "it lives in an interactive session")
    return given, f"{Path(file).absolute()}:{name}"


def _unnamed(function: Function, why: str) -> str:
    name = getattr(function, "__qualname__", repr(function))
    say(f"lanewise: this sweep cannot be resumed, for {name}: {why}")
    return "python:<function>"


def _default_name(function: Function | None) -> str:
    name = getattr(function, "__name__", "sweep") if function else "sweep"
    return name if name.isidentifier() else "sweep"


def _space(space: Mapping[str, Any] | Space | None) -> Any:
    if space is None:
        return None
    return (space if isinstance(space, Space) else Space(space)).to_json()


def _budget(given: Any, trials: Any, epochs: Any, time: Any) -> Any:
    if not isinstance(given, Mapping):
        return given  # whatever is wrong with it is said with the rest of the sweep file
    asked = {"trials": trials, "epochs": epochs, "time": time}
    return {**dict(given), **{key: value for key, value in asked.items() if value is not None}}


def _data(data: Any, groups: Any, home: Home) -> Any:
    given = data is not None and not isinstance(data, str | Mapping)
    if groups is not None and not given:
        raise SweepFileError("groups: goes with arrays; name a source's column in data: group")
    if isinstance(data, Mapping) and "series" in data and hasattr(data.get("source"), "columns"):
        from lanewise.trainables.data.arrays import save_series

        return {**data, "source": save_series(home.data, data["source"])}
    if isinstance(data, Mapping) and not isinstance(data.get("source"), str | None):
        return {**data, **_data(data["source"], None, home)}  # arrays, with what is said of them
    if data is None or isinstance(data, Mapping):
        return data
    if isinstance(data, str):
        return {"source": data}
    if isinstance(data, Sequence) and len(data) == 2:
        from lanewise.trainables.data.arrays import save_arrays

        home.data.mkdir(parents=True, exist_ok=True)
        saved = save_arrays(home.data, tuple(data), groups)
        grouped = {"group": saved.group} if saved.group else {}
        return {"source": saved.source, "target": saved.target, **grouped}
    raise SweepFileError(
        "data: give (X, y), (DataFrame, 'target'), a source such as 'csv:rows.csv', or a mapping"
    )
