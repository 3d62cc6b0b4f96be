"""What data look like: their form, their task, and columns that say how to part the rows.

Guesses, from names and values; each says what it was made from, and `init` writes it down as a
line that a person can change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.errors import SweepFileError
from lanewise.trainables.data import dates
from lanewise.trainables.data.columns import Columns, Text, Windows
from lanewise.trainables.data.convert import is_number, order_of
from lanewise.trainables.data.table import Array, Rows, Table
from lanewise.trainables.data.task import comparable, infer_task
from lanewise.trainables.data.types import DATE, NUMBER, ColumnType
from lanewise.trainables.errors import DataError, listing, nearest
from lanewise.trainables.models import MODELS

if TYPE_CHECKING:
    import pandas as pd

MODEL_OF = {
    "table": "mlp",
    "image": "cnn",
    "sequence": "lstm",
    "series": "lstm",
    "text": "text",
    "ids": "recommender",
}
_TARGET = ("target", "label", "y", "class")
_RATING = ("rating", "ratings", "stars", "score", "liked")
_USER = re.compile(r"(user|customer|reader|viewer|member)s?_?(id)?", re.I)
_ITEM = re.compile(r"(item|movie|film|book|product|article|song|track)s?_?(id)?", re.I)
_TIME = re.compile(r"(date|time|datetime|timestamp|ts|year|month|day|when|moment)s?", re.I)
_GROUP = re.compile(
    r"(.*_)?(id|group|patient|subject|person|customer|user|session|household|site)(_?id)?", re.I
)
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?\b|\d{1,2}[./]\d{1,2}[./]\d{4}\b")
_SECONDS = {"15 minutes": 900, "hour": 3600, "day": 86400, "week": 604800, "month": 2629800}
_SEASON = {"15 minutes": 96, "hour": 24, "day": 7, "week": 52, "month": 12}
_SENTENCE = 4  # words of a value, in the mean, from which a column is text


@dataclass(frozen=True)
class Key:
    """A line of the data section; `is_off` writes it as a comment."""

    name: str
    value: Any
    why: str = ""
    is_off: bool = False


@dataclass(frozen=True)
class Found:
    """What was seen.

    shape: of an example, in words; keys: of the data section, below its source.
    shares: of each class, the largest first; none for numbers.
    own: the parts that have folders of their own, "validation" and "test".
    """

    form: str
    task: str
    rows: int
    shape: str
    keys: tuple[Key, ...] = ()
    seen: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        return MODEL_OF[self.form]


def look(source: str, target: str | None, base: Path) -> Found:
    """What is behind a source, whose paths are relative to `base`.

    Raises:
        SweepFileError, DataError: one line, if it cannot be read or its target is not known.
    """
    from lanewise.trainables.data.parts import Sources
    from lanewise.trainables.data.source import load_rows

    kind, _, name = source.partition(":")
    if kind in ("csv", "parquet", "series"):
        return _of_frame(source, _frame(kind, name, base), target, base)
    sources = Sources.of(source, {}, base)
    keys, shape = [Key("target", target)] if target else [], None
    names = [each.partition(":")[2] for each in (sources.main, *sources.own.values())]
    if kind == "images" and (shape := _common(names, base)):
        keys.append(Key("shape", list(shape), "each picture is scaled to it: their sizes differ"))
    rows = load_rows(sources.main, Columns(target, shape=shape), base)
    found = _of_rows(rows, keys, [sources.note] if sources.note else [])
    return replace(found, own=tuple(sources.own))


def _common(names: Iterable[str], base: Path) -> tuple[int, int, int] | None:
    """A shape for the pictures of sources, if they have several; None where they have one."""
    import PIL.Image

    from lanewise.trainables.data.images import find

    found = []
    for picture in (picture for name in names for picture in find(name, base)):
        try:
            with PIL.Image.open(picture.file) as opened:  # its head alone
                found.append((1 if opened.mode in ("1", "L", "LA") else 3, *opened.size))
        except OSError:
            return None  # whoever reads it says so
    if len(set(found)) == 1:
        return None
    side = int(np.median([min(size[1:]) for size in found]))
    side = max(8, min(64, side // 8 * 8))
    return max(size[0] for size in found), side, side


def _frame(kind: str, name: str, base: Path) -> pd.DataFrame:
    from lanewise.trainables.data.convert import as_read
    from lanewise.trainables.data.files import read_csv, read_parquet, stacked
    from lanewise.trainables.data.paths import locate_all

    files = locate_all(name, base)
    is_parquet = kind == "parquet" or files[0].suffix == ".parquet"
    read = read_parquet if is_parquet else read_csv
    frame = stacked([(file.name, read(file)) for file in files])
    return as_read(frame, is_written=not is_parquet)


# -- rows that come as they are ------------------------------------------------------------------


def _of_rows(rows: Rows, keys: Iterable[Key], seen: Iterable[str] = ()) -> Found:
    """Rows of a form that the source decides."""
    form = getattr(rows, "form", "table")
    if isinstance(rows, Table) and rows.shape is not None:
        form = "image"
    task = infer_task(rows, task=None, metric=None, tasks=MODELS[_model(form)].tasks)
    found = Found(form, task, len(rows), _shape(rows, form), tuple(keys), tuple(seen))
    return _with_classes(found, rows.target)


def _model(form: str) -> str:
    model = MODEL_OF[form]
    if model not in MODELS:
        raise SweepFileError(f"DATA: {form} data have no built-in model here ({listing(MODELS)})")
    return model


def _shape(rows: Rows, form: str) -> str:
    if isinstance(rows, Table) and rows.shape is None:
        words = [f"{len(rows.numeric)} of numbers"] if rows.numeric else []
        words += [f"{len(rows.categories)} of words"] if rows.categories else []
        return f"{len(rows.columns)} columns, {' and '.join(words)}"
    if form == "text":
        return "a text each"
    x = getattr(rows, "x", None)
    shape = rows.shape if isinstance(rows, Table) else x.shape[1:] if x is not None else ()
    axes = {"sequence": " (steps × features)", "image": " (channels × height × width)"}
    return " × ".join(map(str, shape or ())) + axes.get(form, " numbers")


def _with_classes(found: Found, target: Array) -> Found:
    if found.task not in ("binary", "multiclass"):
        return found
    _, counts = np.unique(comparable(target), return_counts=True)
    return replace(found, shares=tuple(sorted((counts / counts.sum()).tolist(), reverse=True)))


# -- tables with names ---------------------------------------------------------------------------


def _of_frame(source: str, frame: pd.DataFrame, target: str | None, base: Path) -> Found:
    from lanewise.trainables.data.source import load_rows

    columns = list(frame.columns)
    _check_target(target, columns)
    pair = _pair(frame)
    target = target or _named(columns, (*_TARGET, *_RATING) if pair else _TARGET)
    time = _time(frame.drop(columns=[target] if target else []))
    if source.startswith("series:") or (time and not pair and _is_series(frame, time, target)):
        return _of_series(source, frame, time, target, base)
    if target is None:
        raise SweepFileError(f"--target: name the column to predict (columns: {listing(columns)})")
    if pair and target not in pair:
        ids = [Key("target", target), Key("user", pair[0]), Key("item", pair[1])]
        return _of_pairs(source, [*ids, *_parts_of_pairs(pair, time)], base)
    keys = [Key("target", target)]
    parts, told = _parts(frame.drop(columns=target), time)
    on = {key.name: key.value for key in parts if not key.is_off}
    rows = load_rows(source, Columns(target, on.get("group"), on.get("order")), base)
    text = _text(frame.drop(columns=target))
    if text and _task(rows) in MODELS.get("text", MODELS["mlp"]).tasks and "text" in MODELS:
        keys.append(Key("text", {"column": text}, "the only column that the model reads"))
        told.append(f"{text} holds sentences")
        rows = _prose(rows, text)
    return _of_rows(rows, [*keys, *parts], told)


def _task(rows: Rows) -> str:
    return infer_task(rows, task=None, metric=None)


def _prose(rows: Rows, column: str) -> Rows:
    from lanewise.trainables.data.inputs import read_as

    return read_as(rows, ("text",), None, text=Text(column))[0]


def _check_target(target: str | None, columns: list[str]) -> None:
    if target is not None and target not in columns:
        known = f"{listing(columns)}{nearest(target, columns)}"
        raise SweepFileError(f"--target: there is no column '{target}' (columns: {known})")


def _named(columns: Iterable[str], names: Iterable[str]) -> str | None:
    by_name = {column.lower(): column for column in columns}
    return next((by_name[name] for name in names if name in by_name), None)


def _of_pairs(source: str, keys: list[Key], base: Path) -> Found:
    from lanewise.trainables.data.inputs import read_as
    from lanewise.trainables.data.source import load_rows

    target, user, item = (str(key.value) for key in keys[:3])
    rows = load_rows(source, Columns(target, ids=(user, item)), base)
    pairs, _ = read_as(rows, ("ids",), None, (user, item))
    task = infer_task(pairs, task=None, metric=None, tasks=MODELS["recommender"].tasks)
    users, items = (len(set(column)) for column in (pairs.user, pairs.item))  # type: ignore[attr-defined]
    shape = f"{users} in {user} × {items} in {item}"
    seen = (f"{user} and {item} are a user and an item, {target} a rating",)
    return _with_classes(Found("ids", task, len(rows), shape, tuple(keys), seen), pairs.target)


def _pair(frame: pd.DataFrame) -> tuple[str, str] | None:
    """The columns of users and of items."""
    found = [
        next((column for column in frame.columns if pattern.fullmatch(column)), None)
        for pattern in (_USER, _ITEM)
    ]
    user, item = found
    if user is None or item is None or frame[[user, item]].isna().to_numpy().any():
        return None
    return user, item


def _parts_of_pairs(pair: tuple[str, str], time: str | None) -> list[Key]:
    by_time = Key(
        "order", time, "instead of stratify: later ratings validate and test", is_off=True
    )
    return [
        Key("stratify", pair[0], "of each user's ratings, shares are in all parts"),
        *([by_time] if time else []),
        Key("group", pair[0], "instead: whole users, whom training does not know", is_off=True),
    ]


# -- columns that part the rows ------------------------------------------------------------------


def _parts(features: pd.DataFrame, time: str | None) -> tuple[list[Key], list[str]]:
    """Lines for time and groups, and sentences."""
    keys, seen = [], []
    if time:
        keys.append(Key("order", time, "parts follow each other in time, as rows will in use"))
        seen.append(f"{time} is when each row is")
    group = next((c for c in features.columns if c != time and _is_group(features[c])), None)
    if group:
        count = features[group].nunique()
        why = f"rows of one {group} stay in one part"
        why = f"instead of order: {why}" if time else why
        keys.append(Key("group", group, why, is_off=bool(time)))
        seen.append(f"{group} has {count} values for {len(features)} rows")
    for column in features.columns:
        if column not in (time, group) and _is_number_of_rows(features[column]):
            seen.append(f"`{column}` is unique per row, probably an identifier: drop it")
    return keys, seen


def _is_group(column: pd.Series[Any]) -> bool:
    if not _GROUP.fullmatch(str(column.name)) or column.isna().any():
        return False
    return 10 <= column.nunique() <= len(column) / 2


def _is_number_of_rows(column: pd.Series[Any]) -> bool:
    is_named_so = _GROUP.fullmatch(str(column.name)) or str(column.name).startswith("Unnamed: ")
    return bool(is_named_so) and len(column) > 10 and column.nunique() == len(column)


def _text(features: pd.DataFrame) -> str | None:
    """The column with the longest texts, if they are sentences."""
    found: dict[str, float] = {}
    for name in features.columns:
        column = features[name].dropna()
        if len(column) and column.map(lambda value: isinstance(value, str)).all():
            words = np.mean([len(value.split()) for value in column])
            if words >= _SENTENCE and column.nunique() > len(column) / 2:
                found[name] = float(words)
    return max(found, key=found.__getitem__) if found else None


def _moments(column: pd.Series[Any]) -> Array:
    """When each row is; DataError where it is not known."""
    kind = ColumnType(str(column.name), NUMBER if is_number(column) else DATE)
    return order_of(column, kind)[0].first


def _time(features: pd.DataFrame) -> str | None:
    """The column that says when each row is."""
    for name in features.columns:
        column = features[name]
        if column.isna().any() or column.nunique() < 3:
            continue
        is_date = column.dtype.kind == "M" or (
            not is_number(column) and column.astype(str).head(50).str.match(_DATE).all()
        )
        if is_date or (is_number(column) and _TIME.fullmatch(name) and name.lower() != "day"):
            try:
                _moments(column)
            except DataError:
                continue
            return str(name)
    return None


# -- series --------------------------------------------------------------------------------------


def _is_series(frame: pd.DataFrame, time: str, target: str | None) -> bool:
    """One row a moment, steps alike, and numbers beside them."""
    others = [column for column in frame.columns if column != time]
    if not others or not all(is_number(frame[column]) for column in others) or len(frame) < 50:
        return False
    if target is not None and frame[target].nunique() <= 20:
        return False
    steps = np.diff(np.sort(_moments(frame[time])))
    return bool(steps.min() > 0 and (steps <= 1.5 * np.median(steps)).mean() >= 0.95)


def _of_series(
    source: str, frame: pd.DataFrame, time: str | None, target: str | None, base: Path
) -> Found:
    if time is None:
        raise SweepFileError(f"DATA: no column of {source} holds times ({listing(frame.columns)})")
    unit, season = _season(frame[time])
    rows = len(frame)
    season = season if rows >= 20 * season else 1
    horizon = season if season <= 24 else 1
    window = max(2, min(max(24, 2 * season), rows // 10))
    values = (target,) if target else tuple(c for c in frame.columns if c != time)
    values = tuple(c for c in values if is_number(frame[c]))
    series: dict[str, Any] = {"time": time, "values": list(values), "window": window}
    series |= {"horizon": horizon, "season": season}
    _check_series(source, Windows(time, values, window, horizon, season), base)
    by = f", by the {unit}" if unit else ""
    seen = [f"{time} is when each row is{by}"]
    shape = f"{len(values)} series ({listing(values, 5)})"
    why = "one row per time step: the next rows are forecast from those before"
    return Found("series", "forecasting", rows, shape, (Key("series", series, why),), tuple(seen))


def _check_series(source: str, windows: Windows, base: Path) -> None:
    from lanewise.trainables.data.source import load_rows

    kind, _, name = source.partition(":")
    named = Columns(None, series=windows, has_target=False)
    load_rows(f"{kind}:{name}", named, base)


def _season(column: pd.Series[Any]) -> tuple[str, int]:
    """What one step is, and after how many of them a series repeats; ("", 1) if not known."""
    if is_number(column):
        if column.min() < 1e8:
            return "", 1  # a count, or years
        seconds = column.to_numpy(np.float64)
    else:
        moments, _ = dates.moments(column)
        seconds = (moments - moments.min()).dt.total_seconds().to_numpy()
    step = float(np.median(np.diff(np.sort(seconds))))
    near: Mapping[str, float] = {
        unit: abs(step / seconds - 1) for unit, seconds in _SECONDS.items()
    }
    unit = min(near, key=near.__getitem__)
    return (unit, _SEASON[unit]) if near[unit] < 0.1 else ("", 1)
