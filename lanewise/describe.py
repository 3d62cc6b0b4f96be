"""A sweep in words and numbers: what ``validate`` prints, and a best configuration as a file."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

from lanewise import sweepfile, yaml
from lanewise.dashboards.state import is_masked, mask
from lanewise.plan import Plan
from lanewise.search.core.spec import Spec
from lanewise.search.errors import SearchError
from lanewise.search.plain import say
from lanewise.search.schedulers import make_scheduler
from lanewise.search.store.view import View

FIRST_TRIALS = 1000  # among which every bracket of a usual scheduler occurs
MOST_RUNGS = 10  # are written out


def describe(plan: Plan) -> dict[str, Any]:
    """The checked sweep as JSON values."""
    spec, prepared = plan.spec, plan.prepared
    size = spec.space.size
    brackets = _brackets(spec)
    about: dict[str, Any] = {
        "name": plan.file.name,
        "model": plan.file.model_name or plan.file.train,
        "space": {"parameters": len(spec.space.names), "size": None if math.isinf(size) else size},
        "sampler": spec.sampler.name,
        "scheduler": spec.scheduler.name,
        "rungs": sorted(set(itertools.chain(*brackets))),
        "brackets": [list(rungs) for rungs in brackets],
        "budget": spec.budget.given,
        "objective": {spec.objective.mode: spec.objective.metric},
        "notes": [*(prepared.notes if prepared else ()), *plan.notes.values()],
    }
    if prepared is not None:
        info = prepared.info
        about["data"] = dict(prepared.identity)
        about["task"] = info.task
        about["inputs"] = list(info.input_shape)
        about["outputs"] = info.outputs
    return about


def _brackets(spec: Spec) -> list[tuple[int, ...]]:
    """The rungs of the first trials, each kind once, those that are compared earliest first."""
    scheduler, trials = make_scheduler(spec), spec.budget.trials or FIRST_TRIALS
    return sorted({scheduler.rungs(number) for number in range(min(trials, FIRST_TRIALS))})


def _epochs(brackets: list[list[int]]) -> str:
    """In words: 1, 3, 9; or, with several brackets, 1, 3, 9 / 3, 9 / 9."""
    return " / ".join(
        ", ".join(map(str, rungs))
        if len(rungs) <= MOST_RUNGS
        else f"{', '.join(map(str, rungs[:3]))}, …, {rungs[-1]}"
        for rungs in brackets
    )


def sentences(about: dict[str, Any]) -> list[str]:
    """What ``describe`` found, a line each."""
    size = about["space"]["size"]
    space = "infinitely many configurations" if size is None else f"{size} configurations"
    limits = ", ".join(
        name if value is True else f"{name} {value:g}" for name, value in about["budget"].items()
    )
    lines = [
        f"{about['name']}: valid",
        f"  model      {about['model']}",
        f"  space      {about['space']['parameters']} parameters, {space}",
        f"  search     {about['sampler']}, {about['scheduler']}, compared at epochs "
        f"{_epochs(about['brackets'])}",
        f"  budget     {limits}",
    ]
    if "data" in about:
        lines.append(f"  data       {_data(about['data'])}")
    lines += [f"  note       {note}" for note in about["notes"]]
    if "data" in about:
        lines += [
            f"  task       {about['task']}: {' × '.join(map(str, about['inputs']))} inputs, "
            f"{about['outputs']} outputs",
        ]
    return lines


def _data(data: dict[str, Any]) -> str:
    own = [part for part in ("validation", "test") if part in data]
    sources = [data["source"], *(f"{part} {data[part]['source']}" for part in own)]
    rows = data["rows"] + sum(data[part]["rows"] for part in own)
    parts = ", ".join(f"{name} {count}" for name, count in data["parts"].items())
    groups = f", whole groups of {data['group']}" if "group" in data else ""
    groups += f", in equal shares of each {data['stratify']}" if "stratify" in data else ""
    return f"{', '.join(sources)}: {rows} rows ({parts}{groups})"


def constants(view: View, best: dict[str, Any]) -> str:
    """A sweep file whose space is the best configuration: one trial, that ``run`` accepts."""
    body = dict(view.launch.details["sweep_file"])
    for key in ("start", "sampler", "scheduler"):
        body.pop(key, None)
    body["name"] = f"{view.launch.name}-best"
    body["space"] = {name: _constant(value) for name, value in best["params"].items()}
    body["sampler"], body["scheduler"] = "random", "none"
    body["budget"] = {"trials": 1, "epochs": view.spec.budget.epochs}
    left_out = _leave_out_secret(body)
    value = best["metrics"][view.spec.objective.metric]
    where = f"trial {best['trial']}, epoch {best['epoch']}"
    head = f"# The best of {view.launch.sweep}: {view.spec.objective.metric} {value:g} ({where}).\n"
    head += f"# {left_out}.\n" if left_out else ""
    return head + yaml.dump(sweepfile.to_json(sweepfile.parse(body, "best")))


def write_constants(view: View, best: dict[str, Any], out: Path) -> None:
    """Writes ``constants`` to a file, and says what was written and what it lacks.

    Raises:
        SearchError: it cannot be written.
    """
    try:
        out.write_text(constants(view, best), encoding="utf-8")
    except OSError as error:
        raise SearchError(f"--out: {out}: {error.strerror or error}") from None
    say(f"wrote {out}: lanewise run {out}")
    if missing := left_out(view):
        say(f"lanewise: {missing}")


def left_out(view: View) -> str:
    """What ``constants`` leaves out of a sweep's file and why, in a sentence; mostly nothing."""
    return _leave_out_secret(dict(view.launch.details["sweep_file"]))


def _leave_out_secret(body: dict[str, Any]) -> str:
    """Takes away the address of an MLflow whose password or token the journal does not hold."""
    uri = str((body.get("mlflow") or {}).get("tracking_uri") or "")
    if not is_masked(mask(uri)):
        return ""
    body["mlflow"] = {k: v for k, v in body["mlflow"].items() if k != "tracking_uri"}
    return (
        f"mlflow.tracking_uri ({mask(uri)}) is left out: its password or token is written down "
        "nowhere; give it in MLFLOW_TRACKING_URI"
    )


def _constant(value: Any) -> Any:
    """A value of a configuration in the form of the sweep file."""
    if isinstance(value, dict) and "name" in value:
        options = {key: _constant(option) for key, option in value.items() if key != "name"}
        return {value["name"]: options}
    return value
