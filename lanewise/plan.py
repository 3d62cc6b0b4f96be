"""From a sweep file to everything that must be right before anything starts.

Nothing here imports Ray, torch or MLflow: a mistake costs a second. Of a user's code only what a
source names (`python:…`) runs.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.cluster.surroundings import enter, kept
from lanewise.dashboards.state import is_masked
from lanewise.earlier import informed
from lanewise.errors import SweepFileError
from lanewise.search.core.spec import RETRIES, Budget, Objective, Plugin, Spec
from lanewise.search.samplers import check_sampler
from lanewise.search.schedulers import Scheduler, make_scheduler
from lanewise.search.store.home import Home
from lanewise.search.store.view import View
from lanewise.sections import Data
from lanewise.spaces import Space, SpaceError
from lanewise.sweepfile import SweepFile, parse
from lanewise.trainables.config import (
    check,
    check_data,
    check_together,
    is_adjustable,
    linked,
)
from lanewise.trainables.errors import ConfigError, DataError, listing, nearest
from lanewise.trainables.metrics.names import (
    DIRECTIONS,
    SUPERVISED,
    TASKS,
    WITHOUT_TARGET,
    check_metric,
    complete_loss,
    task_of_loss,
)
from lanewise.trainables.metrics.resampling import Resampled, resampled
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import check_model
from lanewise.trainables.user_code.contract import check_source
from lanewise.trainables.user_code.references import is_reference, locate

if TYPE_CHECKING:
    from lanewise.trainables.data.dataset import Info, Prepared
    from lanewise.trainables.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """A checked sweep: what the core, the trials and the journal need.

    Attributes:
        base: the folder that relative paths of the sweep file are relative to.
        folder: the one that the command was given in, where a person's own code runs.
        function: a model's or training function given from Python.
        notes: topic -> what a person should know before it is launched.
        verifies: whose trials it trains again, and how; see `verify`.
    """

    file: SweepFile
    base: Path
    spec: Spec
    prepared: Prepared | None
    function: Callable[..., Any] | None = None
    folder: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    verifies: Mapping[str, Any] | None = None

    @cached_property
    def resampled(self) -> Resampled | str:
        """The validation rows by which the best score is corrected; or why it cannot be."""
        if self.prepared is None:
            return "a training function reports no values of rows"
        if self.file.reshuffle:
            return "with reshuffle each trial has validation rows of its own (best --verify tells)"
        return resampled(self.prepared, self.file.objective.metric, self.file.seeds)

    def recipe(self) -> Recipe:
        """What the trials share; the test part stays behind."""
        shared = recipe_of(self.file, self.base, self.spec, self.folder)
        prepared = self.prepared.for_trials() if self.prepared else None
        return replace(
            shared,
            callable=self.function,
            prepared=prepared,
            resampled=None if isinstance(self.resampled, str) else self.resampled,
        )


def recipe_of(file: SweepFile, base: Path, spec: Spec, folder: str | None = None) -> Recipe:
    """What the trials of a sweep share, but for data and functions given from Python.

    Args:
        folder: the one that a person's own code runs in.
    """
    from lanewise.trainables.recipe import Recipe

    return Recipe(
        model=file.model_name,
        train=file.train,
        fixed=file.fixed,
        base=str(base),
        folder=folder if has_own_code(file) else None,
        loss=file.loss_choice,
        metrics=tuple(file.metrics),
        monitor=file.objective.metric,
        mode=file.objective.mode,
        ties=spec.objective.ties,
        epochs=spec.budget.epochs,
        seeds=file.seeds,
        device="cuda" if file.resources.gpus else "cpu",
        # More threads than CPUs of its own make a trial many times slower.
        threads=max(1, int(file.resources.cpus)),
    )


def make_plan(
    file: SweepFile,
    base: Path,
    function: Callable[..., Any] | None = None,
    spec: Spec | None = None,
    home: Home | None = None,
    *,
    whole: bool = False,
) -> Plan:
    """Checks a sweep file through and through and loads its data.

    Args:
        spec: of the journal, when a sweep is resumed; else it is made from the file.
        home: with the earlier sweeps that it names; by default the one that a command would take.
        whole: whether the validation part is trained on, too.

    Raises:
        SweepFileError, SpaceError, SearchError, TrainableError: one line each.
    """
    _check_model(file, base, function)
    notes = {}
    if spec is None:
        spec, told = informed(make_spec(file), file.sources_of_results, base, home or Home.find())
        notes = {"from": told} if told else {}
    check_sampler(spec)
    scheduler = make_scheduler(spec)
    _check_configs(file, spec)
    _check_mutated(file, scheduler)
    _check_reshuffled(file, scheduler)
    prepared = _prepare(file, base, whole=whole)
    if prepared is not None:
        _check_data(file, spec, prepared.info)
    return Plan(file, base, spec, prepared, function, os.getcwd(), notes)


def plan_again(
    view: View, function: Callable[..., Any] | None = None, *, whole: bool = False
) -> Plan:
    """The plan of a journaled sweep; its data must be what they were.

    Args:
        whole: as of `make_plan`.
    """
    details, file = view.launch.details, _file_again(view, function)
    with kept():
        enter(details.get("folder"))
        plan = make_plan(file, Path(details["base"]), function, spec=view.spec, whole=whole)
    _check_unchanged(details["data"], identity(plan))
    return plan


def check_folder(view: View) -> None:
    """Raise SweepFileError where a person's code is to go on in a folder that is gone."""
    folder, file = view.launch.details.get("folder"), _file_again(view)
    sources = [file.data.source, *file.data.own.values()] if file.data else []
    runs_code = has_own_code(file) or any(str(each).startswith("python:") for each in sources)
    if folder is not None and runs_code and not os.path.isdir(folder):
        raise SweepFileError(
            f"{view.launch.name} was launched in {folder}, where its code runs, and that folder is "
            "gone: make it again, then resume"
        )


def file_of(view: View) -> SweepFile:
    """The sweep file of a journaled sweep."""
    body = {**view.launch.details["sweep_file"]}
    if is_masked(str(body.get("mlflow", {}).get("tracking_uri"))):
        body.pop("mlflow")
    return parse(body, view.launch.name)


def _file_again(view: View, function: Callable[..., Any] | None = None) -> SweepFile:
    """The same, of a sweep whose trials can be trained again."""
    file = file_of(view)
    if function is None and "<" in str(file.model_name or file.train):
        raise SweepFileError(
            f"{view.launch.name} was launched from Python with a function that has no name to be "
            "found by; it cannot be resumed (give module-level functions)"
        )
    return file


def has_own_code(file: SweepFile) -> bool:
    """Whether trials run a person's code: a training function, or a model of their own."""
    return file.train is not None or file.model_name not in MODELS


def _check_unchanged(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
    """Raise DataError unless every source of the launch still has the rows that it had."""
    if before is None or now is None:
        return
    for key, was, found in (
        ("source", before, now),
        *((part, before[part], now[part]) for part in ("validation", "test") if part in before),
    ):
        if was["hash"] != found["hash"]:
            raise DataError(f"data.{key}", f"{was['source']} has changed since the launch")


def make_spec(file: SweepFile) -> Spec:
    """The core's part of a sweep file."""
    (sampler, sampler_options), (scheduler, scheduler_options) = (
        next(iter(section.items())) for section in (file.sampler, file.scheduler)
    )
    unknown = set(file.retries) - set(RETRIES)
    if unknown:
        name = min(unknown)
        hint = nearest(name, RETRIES)
        raise SweepFileError(f"retries: no kind of failure '{name}' ({listing(RETRIES)}{hint})")
    budget, space = file.budget, _space(file)
    return Spec(
        space=space,
        objectives=(Objective(file.objective.metric, file.objective.mode),),
        budget=Budget(**dict(budget)),
        sampler=Plugin(sampler, sampler_options),
        scheduler=Plugin(scheduler, scheduler_options),
        seed=file.seed,
        retries={**RETRIES, **file.retries},
        start=tuple(_start(file, space)),
        repeats=file.repeats,
    )


def _start(file: SweepFile, space: Space) -> Iterator[dict[str, Any]]:
    """The start configurations as sampling would give them (``lr: 1`` is 1.0 for a Float)."""
    for place, config in enumerate(file.start):
        try:
            params, _ = space.encode(config)
        except SpaceError as error:
            raise SweepFileError(f"start.{place}: {error}") from None
        from optuna.trial import FixedTrial

        yield space.suggest(FixedTrial(params))


def _space(file: SweepFile) -> Space:
    if file.space is not None:
        return Space.from_json(file.space)
    if file.model_name in MODELS:
        preset = MODELS[file.model_name].space
        return Space.from_json({k: v for k, v in preset.items() if k not in file.fixed})
    raise SweepFileError(f"space: is missing (only {', '.join(MODELS)} come with one)")


def _check_model(file: SweepFile, base: Path, function: Callable[..., Any] | None) -> None:
    key = "train" if file.train is not None else "model"
    reference = file.train if file.train is not None else file.model_name
    if file.train is not None:
        for given, what in ((file.data, "data"), (file.loss, "loss"), (file.metrics, "metrics")):
            if given:
                raise SweepFileError(f"{what}: a training function brings its own {what}")
        for count, what in ((file.folds, "folds"), (file.seeds, "seeds")):
            if count > 1:
                raise SweepFileError(f"{what}: {count} are for a model; a function trains once")
    if function is not None or reference in MODELS or reference is None:
        return
    if key == "model":
        check_model(reference, base)
    elif not is_reference(reference):
        raise SweepFileError(f"train: '{reference}' is not FILE.py:name or package.module:name")
    _check_reference(reference, base, key)


def _check_reference(reference: str, base: Path, key: str) -> None:
    place, _, name = reference.rpartition(":")
    if not place.endswith(".py"):
        if str(base) not in sys.path:
            sys.path.append(str(base))
        if importlib.util.find_spec(place.partition(".")[0]) is None:
            raise SweepFileError(f"{key}: there is no module '{place}' (in '{reference}')")
        return
    path = locate(reference, base, key)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        text = f"{key}: {path}:{error.lineno}: {error.msg}"
        raise SweepFileError(text) from None
    check_source(tree, name, key)
    names = {getattr(node, "name", None) for node in tree.body} | {
        getattr(target, "id", getattr(target, "asname", None) or getattr(target, "name", None))
        for node in tree.body
        for target in (*getattr(node, "targets", ()), *getattr(node, "names", ()))
    }
    if name not in names:
        known = sorted(n for n in names if n)
        hint = nearest(name, known)
        raise SweepFileError(f"{key}: {path.name} defines no '{name}' ({listing(known)}{hint})")


def _check_mutated(file: SweepFile, scheduler: Scheduler) -> None:
    """A trial that goes on with another's weights must have a place for each of them."""
    mutated = getattr(scheduler, "mutate", ())
    kept = [name for name in mutated if is_adjustable(file.model_name, name)]
    for name in mutated:
        if name not in kept:
            (word,) = file.scheduler
            hint = f"leave it out: mutate: [{', '.join(kept)}]" if kept else "name others"
            raise SweepFileError(
                f"scheduler.{word}: mutate: '{name}' cannot change while {file.model_name} trains "
                f"and keeps its weights ({hint})"
            )


def _check_reshuffled(file: SweepFile, scheduler: Scheduler) -> None:
    """Whether each trial can have parts of its own."""
    data = file.data
    reason = ""
    if not file.reshuffle:
        return
    if data is None or file.train is not None:
        reason = "a training function brings its own data"
    elif data.validation is not None:
        reason = "data.validation has rows of its own"
    elif data.order is not None or data.series is not None:
        reason = "the parts follow each other in time"
    elif hasattr(scheduler, "mutate"):
        (word,) = file.scheduler
        reason = f"{word} copies weights, which have learned from other trials' validation rows"
    if reason:
        raise SweepFileError(f"reshuffle: true is not possible: {reason}; leave it out")


def _check_configs(file: SweepFile, spec: Spec) -> None:
    """Tries the corners of the space on what the model accepts."""
    model = file.model_name
    check(model, file.fixed, f"model.{model}")
    corners = [{**file.fixed, **config} for _, config in spec.space.probes()]
    for config in corners:
        check(model, config, "space")
    for config in _combinations(corners, linked(model)):
        with _in_its_section(file, spec):
            check_together(model, config)


def _check_data(file: SweepFile, spec: Spec, info: Info) -> None:
    """As `_check_configs`, on what the data allow."""
    corners = [{**file.fixed, **config} for _, config in spec.space.probes()]
    together = _combinations(corners, linked(file.model_name))
    for config in itertools.chain(corners, together):
        with _in_its_section(file, spec):
            check_data(file.model_name, config, info)


@contextmanager
def _in_its_section(file: SweepFile, spec: Spec) -> Iterator[None]:
    """A mistake in a hyperparameter's value names the section that the value is from."""
    try:
        yield
    except ConfigError as error:
        section = "space" if error.path in spec.space.names else f"model.{file.model_name}"
        raise ConfigError(f"{section}.{error.path}", error.message) from None


def _combinations(
    configs: Sequence[Mapping[str, Any]], keys: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Every value of one key with every value of the others: keys of a space vary freely."""
    varied = [key for key in keys if key in configs[0]]
    values = [list({repr(c[key]): c[key] for c in configs}.values()) for key in varied]
    for chosen in itertools.product(*values):
        yield {**configs[0], **dict(zip(varied, chosen, strict=True))}


def _prepare(file: SweepFile, base: Path, *, whole: bool) -> Prepared | None:
    metric = file.objective.metric
    if file.data is None:
        return None
    from lanewise.trainables.data.dataset import prepare
    from lanewise.trainables.data.defined import check_defined
    from lanewise.trainables.data.parts import Sources, load_parts
    from lanewise.trainables.data.split import check_split, shares
    from lanewise.trainables.data.task import infer_task

    data = file.data
    # A misspelled metric or loss must not first be blamed on the data.
    check_metric(metric, None, "objective")
    sources = Sources.of(data.source, data.own, base)
    own = tuple(sources.own)
    split = shares(data.split if "split" in data.model_fields_set else None, own)
    with sources.explained():
        check_split(split, file.folds, own)
    model = MODELS.get(file.model_name or "")
    tasks = model.tasks if model else TASKS
    asked = _asked_task(file, tasks)
    learns_target = bool(set(tasks) & set(SUPERVISED)) and asked not in WITHOUT_TARGET
    parts = load_parts(
        sources.main,
        sources.own,
        target=data.target,
        base=base,
        group=data.group,
        order=data.order,
        memory=data.memory,
        ids=data.names,
        has_target=learns_target or data.anomaly is not None,
        series=data.windows,
        shape=data.shape,
        columns=data.columns,
    )
    _check_stratify(data)
    parts, reading = parts.read_as(
        model.forms if model else None, data.shape, (data.user, data.item), data.texts
    )
    task = infer_task(parts.main.table, task=asked, metric=metric, tasks=tasks)
    check_metric(metric, task, "objective")
    complete_loss(file.loss_choice, task)
    for name in file.metrics:
        check_metric(name, task, "metrics")
    _check_direction(metric, file.objective.mode)
    prepared = prepare(
        parts.main.table,
        source=sources.main,
        task=task,
        split=split,
        folds=file.folds,
        seed=file.seed,
        own=parts.own,
        reading=reading,
        anomalies=data.anomalies,
        stratify=data.stratify,
        test_seed=data.test_seed,
        reshuffle=file.reshuffle,
        whole=whole,
    )
    told = check_defined(metric, file.metrics, prepared)
    return replace(prepared, notes=(*filter(None, [sources.note]), *prepared.notes, *told))


def _asked_task(file: SweepFile, tasks: Sequence[str]) -> str | None:
    """What the file says of the task; None where it is to be inferred from the target."""
    anomaly = file.data.anomaly if file.data else None
    loss_task = task_of_loss(file.loss_choice)
    if anomaly is None:
        if file.data and file.data.series and "forecasting" in tasks:
            loss_task = None  # which a loss of numbers takes for a regression
        return file.task or (loss_task if set(tasks) & set(SUPERVISED) else None)
    if file.task not in (None, "anomaly"):
        message = f"{anomaly!r} is for the task anomaly; this task is {file.task}"
        raise DataError("data.anomaly", message)
    if "anomaly" not in tasks:
        message = f"{anomaly!r} is for the task anomaly, not one of {file.model_name}'s"
        raise DataError("data.anomaly", f"{message} ({listing(tasks)})")
    return "anomaly"


def _check_stratify(data: Data) -> None:
    """Parts follow time, or have shares of a column's values."""
    order = data.series.time if data.series else data.order
    if data.stratify is not None and order is not None:
        message = f"'{data.stratify}': the parts follow {order!r}; leave one of the two out"
        raise DataError("data.stratify", message)


def _check_direction(metric: str, mode: str) -> None:
    right = DIRECTIONS.get(metric, mode)
    if right != mode:
        words = {"max": "maximize", "min": "minimize"}
        raise SweepFileError(
            f"objective: {metric} is better when it is "
            f"{'higher' if right == 'max' else 'lower'}; use {words[right]}: {metric}"
        )


def identity(plan: Plan) -> Mapping[str, Any] | None:
    """What the data are: source, rows, columns, hash, split, parts."""
    return plan.prepared.identity if plan.prepared else None
