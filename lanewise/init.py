"""``lanewise init``: a first sweep file for some data, with a comment at each line."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise import yaml
from lanewise.commented import aligned, flow, remark
from lanewise.errors import SweepFileError
from lanewise.plan import make_plan
from lanewise.sniff import Found, Key, look
from lanewise.spaces import Space
from lanewise.sweepfile import parse
from lanewise.trainables.config import knobs_of
from lanewise.trainables.data.folders import is_wanted, parts_in
from lanewise.trainables.data.images import SUFFIXES as PICTURES
from lanewise.trainables.data.prose import SUFFIX as TEXTS
from lanewise.trainables.data.split import shares
from lanewise.trainables.errors import ConfigError, listing, nearest
from lanewise.trainables.models import MODELS

if TYPE_CHECKING:
    from rich.console import Console

_KINDS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".npz": "npz",
}
_OF_PATHS = ("csv", "parquet", "npz", "npy", "images", "text", "series")
_RARE = 0.2  # a class with less than this share of an equal one's is rare
_WIDTH = 100
_ALWAYS_DEFINED = ("minimize", "val_log_loss")


@dataclass(frozen=True)
class Draft:
    """A sweep file that is not written yet.

    objective: "maximize" or "minimize", and the metric; why: reasons by what was chosen.
    """

    file: Path
    text: str
    source: str
    found: Found
    objective: tuple[str, str]
    budget: Mapping[str, Any]
    why: Mapping[str, str]


def draft(data: str, target: str | None, out: Path | None) -> Draft:
    """The sweep file for a path or a source, checked as `validate` does.

    Raises:
        SweepFileError, TrainableError: one line that says what is missing or wrong.
    """
    file = out or Path(f"{_stem(data)}.yaml")
    base = file.absolute().parent
    if not base.is_dir():
        raise SweepFileError(f"--out: there is no folder {file.parent}")
    source = source_of(data, base)
    found = look(source, target, base)
    if found.form == "series":
        source = f"series:{source.partition(':')[2]}"
    asked = shlex.join(["lanewise", "init", data, *(["--target", target] if target else [])])
    head = [*_head(asked, file, found), f"name: {flow(_stem(data))}", *_data(source, found), ""]
    made = _with_objective(file, head, source, found, objective_of(found))
    try:
        make_plan(parse(yaml.load(made.text, str(file)), str(file)), base)
    except ConfigError as error:
        if error.path != "objective" or made.objective == _ALWAYS_DEFINED:
            raise
        made = _with_objective(file, head, source, found, _ALWAYS_DEFINED)
        make_plan(parse(yaml.load(made.text, str(file)), str(file)), base)
    return made


def _with_objective(
    file: Path, head: list[str], source: str, found: Found, objective: tuple[str, str]
) -> Draft:
    budget, why = budget_of(found), _reasons(found, objective)
    text = "\n".join([*head, *_choices(found, objective, budget, why)]) + "\n"
    return Draft(file, text, source, found, objective, budget, why)


def write(made: Draft, *, force: bool) -> None:
    """Writes it where nothing is, or over what is there by force."""
    try:
        with made.file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(made.text)
    except FileExistsError:
        message = f"{made.file} is already there; --force writes over it, --out names another"
        raise SweepFileError(message) from None
    except OSError as error:
        raise SweepFileError(f"{made.file}: {error.strerror}") from None


# -- the source ----------------------------------------------------------------------------------


def source_of(data: str, base: Path) -> str:
    """A source as a sweep file in `base` names it, from a path or a source seen from here."""
    from lanewise.trainables.data.source import SOURCES

    kind, colon, name = data.partition(":")
    if colon and kind in SOURCES:
        return f"{kind}:{_seen_from(base, name)}" if kind in (*_OF_PATHS, "python") else data
    path = Path(data).expanduser()
    if not path.exists():
        known = listing(f"{kind}:…" for kind in SOURCES)
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, siblings)
        raise SweepFileError(f"DATA: no file or folder {data}{near} (a path, or {known})")
    kind = _folder(path) if path.is_dir() else _kind(path)
    return f"{kind}:{_seen_from(base, data)}"


def _kind(path: Path) -> str:
    kind = next((kind for end, kind in _KINDS.items() if path.name.lower().endswith(end)), None)
    if kind is None:
        raise SweepFileError(f"DATA: {path} is none of {', '.join(_KINDS)}, nor a folder")
    return kind


def _folder(path: Path) -> str:
    """What a folder holds, by the names of its files."""
    if (path / "X.npy").is_file():
        return "npy"
    for kind, suffixes in (("text", (TEXTS,)), ("images", PICTURES)):
        # Pictures or texts lie in folders of classes; or those do, in folders of parts.
        roots = (path, *parts_in(path, suffixes).values())
        if any(is_wanted(file, suffixes) for root in roots for file in root.glob("*/*")):
            return kind
    tables = sorted({kind for file in path.iterdir() for end, kind in _KINDS.items()
                     if file.name.lower().endswith(end)})  # fmt: skip
    hint = f"; several files of one table are {tables[0]}:{path}/*" if tables else ""
    what = "a folder of pictures or of texts for each class, or X.npy and y.npy"
    raise SweepFileError(f"DATA: {path} is not {what}{hint}")


def _seen_from(base: Path, name: str) -> str:
    path = Path(name).expanduser()
    return name if path.is_absolute() else Path(os.path.relpath(path.absolute(), base)).as_posix()


def _stem(data: str) -> str:
    last = re.split(r"[:/\\]", data.rstrip("/\\"))[-1]
    return re.sub(r"[^\w-]+", "-", last.split(".")[0]).strip("-") or "sweep"


# -- what is chosen ------------------------------------------------------------------------------


def objective_of(found: Found) -> tuple[str, str]:
    """By the task, and by how rare the rarest class is."""
    if found.task == "forecasting":
        return "maximize", "val_skill"
    if found.task == "regression":
        return "minimize", "val_rmse"
    if not _has_rare(found):
        return "maximize", "val_accuracy"
    return "maximize", "val_roc_auc" if found.task == "binary" else "val_balanced_accuracy"


def _has_rare(found: Found) -> bool:
    return bool(found.shares) and found.shares[-1] < _RARE / len(found.shares) * 2


def budget_of(found: Found) -> dict[str, Any]:
    """Fewer trials and epochs the more there is to learn from, and a limit of time."""
    rows, is_heavy = found.rows, found.form in ("image", "sequence", "series", "text")
    trials, epochs, time = 60, 81, "30m"
    if rows >= 2_000:
        trials, epochs, time = 40, 27, "1h"
    if rows >= 200_000:
        trials, epochs, time = 20, 9, "3h"
    return {"trials": trials // 2 if is_heavy else trials, "epochs": epochs, "time": time}


def _reasons(found: Found, objective: tuple[str, str]) -> dict[str, str]:
    model = {
        "table": "rows of columns",
        "image": "pictures",
        "sequence": "sequences",
        "series": "series in time",
        "text": "texts",
        "ids": "users and items",
    }[found.form]
    metric = {
        "val_skill": "how much better than repeating the last season; 0 is as good",
        "val_rmse": f"in the units of the {'rating' if found.form == 'ids' else 'target'}",
        "val_accuracy": "the classes are of like size",
        "val_roc_auc": "one class is rare, so that accuracy says little",
        "val_log_loss": "some part has one class alone, on which other metrics are not defined",
        "val_balanced_accuracy": "some class is rare: each counts alike",
    }[objective[1]]
    size = "for little data" if found.rows < 2_000 else "for this many rows"
    return {"model": f"the data are {model}", "objective": metric, "budget": size}


# -- the text ------------------------------------------------------------------------------------


def _head(asked: str, file: Path, found: Found) -> Iterator[str]:
    yield remark(f"Made by `{asked}`: a first sweep, to be changed at will.")
    yield remark(f"Seen: {'; '.join((f'{found.rows} rows, {found.shape}', *found.seen))}.")
    yield f"# lanewise validate {file.name}     lanewise run {file.name}"
    yield "# All that can stand here: lanewise schema --markdown"


def _data(source: str, found: Found) -> Iterator[str]:
    lines = [("  source: " + flow(source), "")]
    for key in found.keys:
        lines += _key(key)
    shown = ", ".join(f"{share:g}" for share in shares(None, found.own))
    told = "training, validation, and test, which no trial sees"
    if found.own:
        told = f"of the training part; {' and '.join(found.own)} have folders of their own"
    lines.append((f"  split: [{shown}]", told))
    yield "data:"
    yield from aligned(lines)


def _key(key: Key) -> Iterator[tuple[str, str]]:
    off = "# " if key.is_off else ""
    if not isinstance(key.value, Mapping):
        yield f"  {off}{key.name}: {flow(key.value)}", key.why
        return
    about = _DESCRIBED.get(key.name, {})
    yield f"  {key.name}:", key.why
    for name, value in key.value.items():
        yield f"    {name}: {flow(value)}", about.get(name, "")


_DESCRIBED = {
    "series": {
        "time": "",
        "values": "what is forecast",
        "window": "rows that a forecast sees",
        "horizon": "rows that it forecasts",
        "season": "rows after which the series repeat",
    }
}


def _choices(
    found: Found, objective: tuple[str, str], budget: Mapping[str, Any], why: Mapping[str, str]
) -> Iterator[str]:
    mode, metric = objective
    yield from aligned(
        [
            (f"model: {found.model}", why["model"]),
            (f"objective: {{{mode}: {metric}}}", why["objective"]),
        ]
    )
    if further := _further(found, metric):
        yield f"metrics: {flow(further)}"
    yield ""
    yield "# What may vary: a range, a choice, or a value that stays as it is."
    yield "space:"
    knobs = knobs_of(found.model)
    lines: list[tuple[str, str]] = []
    for name, form in space_of(found).items():
        lines += _domain(name, form, knobs[name].about)
    yield from aligned(lines)
    yield ""
    yield from aligned(
        [
            ("sampler: tpe", "learns from the trials before"),
            ("scheduler: {asha: {eta: 3}}", "stops two of three at epochs 1, 3, 9, …"),
            (f"budget: {flow(budget)}", f"{why['budget']}; what comes first ends it"),
            ("seed: 0", ""),
        ]
    )


def _further(found: Found, metric: str) -> list[str]:
    by_task = {
        "binary": ["val_accuracy", "val_roc_auc"],
        "multiclass": ["val_accuracy", "val_f1"],
        "regression": ["val_mae", "val_r2"],
        "forecasting": ["val_rmse"],
    }
    return [name for name in by_task[found.task] if name != metric]


def space_of(found: Found) -> dict[str, Any]:
    """The ready-made space of the model, with batches for so many rows."""
    space: dict[str, Any] = dict(Space.from_json(MODELS[found.model].space).to_json())
    if found.rows < 500:
        space["batch_size"] = {"choice": [16, 32]}
    elif found.rows >= 50_000:
        space["batch_size"] = {"choice": [256, 512, 1024]}
    if _has_rare(found):
        space["class_weight"] = {"choice": [None, "balanced"]}
    return space


def _domain(name: str, form: Any, about: str) -> Iterator[tuple[str, str]]:
    """One line, or one for each option where they do not fit."""
    line = f"  {name}: {flow(form)}"
    if len(line) <= _WIDTH - 30 or not (isinstance(form, Mapping) and "choice" in form):
        yield line, about
        return
    yield f"  {name}:", about
    yield "    choice:", ""
    for option in form["choice"]:
        yield f"      - {flow(option)}", ""


# -- the terminal --------------------------------------------------------------------------------


def render(console: Console, made: Draft, command: Callable[..., str]) -> None:
    """What was seen, what was chosen and why, and what to type next.

    Args:
        command: the words of one of our commands ("run", file) as a person would type it here.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for word, value, why in _said(made):
        told = Text(f"{value}  ") + Text(why, "dim") if why else Text(value)
        grid.add_row(Text(f"  {word}", "dim"), told)
    console.print(Text(f"wrote {made.file}", "bold"))
    console.print(grid)
    # Not wrapped: they are to be copied.
    console.print(Text(f"\n  check  {command('validate', str(made.file))}"), soft_wrap=True)
    console.print(Text(f"  run    {command('run', str(made.file))}"), soft_wrap=True)


def _said(made: Draft) -> Iterator[tuple[str, str, str]]:
    """What it is about, what was seen or chosen, and why."""
    found, why, (mode, metric), limits = made.found, made.why, made.objective, made.budget
    yield "data", made.source, f"{found.rows} rows, {found.shape}"
    yield from (("seen", sentence, "") for sentence in found.seen)
    yield "task", found.task, _classes(found)
    yield "model", found.model, why["model"]
    yield "objective", f"{mode} {metric}", why["objective"]
    for key in found.keys:
        if key.name in ("order", "group", "stratify") and not key.is_off:
            yield "parts", f"{key.name}: {key.value}", key.why
    budget = f"{limits['trials']} trials of {limits['epochs']} epochs, {limits['time']} at most"
    yield "budget", budget, why["budget"]


def _classes(found: Found) -> str:
    if not found.shares:
        return ""
    most, least = found.shares[0], found.shares[-1]
    return f"{len(found.shares)} classes, the rarest {least:.1%}, the commonest {most:.1%}"
