"""The sections of the sweep file, and the forms in which values may be written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from lanewise.search.core.spec import Mode
from lanewise.trainables.data.columns import Text as TextColumn
from lanewise.trainables.data.columns import Windows

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _duration(value: object) -> object:
    """Seconds from a number, or from text such as ``90s``, ``10m``, ``1h30m``."""
    if isinstance(value, str):
        parts = re.findall(r"([0-9.]+)\s*([smhd])", value)
        if not parts or re.sub(r"([0-9.]+)\s*([smhd])", "", value).strip():
            raise ValueError("must be seconds, or like 90s, 10m, 1h30m, 2d")
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return value


def _size(value: object) -> object:
    """Bytes from a whole number, or from text such as ``500 MB``."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9.]+)\s*([KMGT]?B)", value.strip())
        if not match:
            raise ValueError("must be bytes, or like 500 MB, 2 GB")
        return int(float(match[1]) * _SIZES[match[2]])
    return value


def _plugin(value: object) -> object:
    """``name`` or ``{name: {option: value}}`` to the latter."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and len(value) == 1:
        return {name: options or {} for name, options in value.items()}
    raise ValueError("must be a name, or one name with its options: {name: {option: value}}")


def _schema(words: str, *forms: dict[str, Any]) -> WithJsonSchema:
    """What the file may hold, which is more than what it becomes; in words, as its comment."""
    return WithJsonSchema({"anyOf": list(forms), "$comment": words})


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    Field(gt=0, allow_inf_nan=False),
    _schema(
        "seconds > 0, or like 90s, 10m, 1h30m, 2d",
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^\s*([0-9.]+\s*[smhd]\s*)+$"},
    ),
]
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=0),
    _schema(
        "bytes, or like 500 MB, 2 GB",
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*[0-9.]+\s*[KMGT]?B\s*$"},
    ),
]
PluginSection = Annotated[
    dict[str, dict[str, Any]],
    BeforeValidator(_plugin),
    _schema(
        "a name, or {name: {option: value}}",
        {"type": "string"},
        {"type": "object", "minProperties": 1, "maxProperties": 1},
    ),
]
Count = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Label = bool | int | float | str
ColumnTypes = Literal["number", "decimal_comma", "category", "day_first", "month_first"]
Executors = Literal["auto", "packed", "tune", "inline"]
Tasks = Literal[
    "classification",
    "binary",
    "multiclass",
    "regression",
    "forecasting",
    "reconstruction",
    "anomaly",
    "generation",
]
EXECUTORS: tuple[str, ...] = get_args(Executors)


class Section(BaseModel):
    """Strict: an unknown key or a value of another type is an error, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Series(Section):
    """Windows over series side by side in columns, and what comes after each."""

    time: str = Field(description="column of numbers or dates, one row each; rows are sorted by it")
    values: list[str] | None = Field(
        None, description="columns of the series; null: all of numbers"
    )
    window: Count = Field(24, description="how many rows a forecast sees")
    horizon: Count = Field(1, description="how many rows ahead are forecast")
    season: Count = Field(
        1,
        description="rows after which the series repeat, such as 24 of hours; `val_skill` is "
        "against the forecast that repeats the last season",
    )


class Text(Section):
    """The texts that a model reads."""

    column: str | None = Field(None, description="of the texts; null: the only one of words")
    tokens: Literal["words", "characters"] = Field("words", description="what texts are cut into")
    vocabulary: Count = Field(
        20_000, description="the most tokens that are known, the most frequent of the training part"
    )
    length: Count = Field(256, description="the most tokens of a text that are read, its first")


TextSection = Annotated[
    Text,
    BeforeValidator(lambda given: {"column": given} if isinstance(given, str) else given),
    _schema("a column, or a mapping", {"type": "string"}, Text.model_json_schema()),
]


class Data(Section):
    """Where the rows come from and how they are split."""

    source: str = Field(
        description="sklearn:NAME, csv:PATH, parquet:PATH, npz:PATH, images:FOLDER, text:FOLDER, "
        "series:PATH, or a function: python:FILE.py:name or python:package.module:name"
    )
    target: str | None = Field(None, description="name of the column to predict")
    split: Annotated[list[float], Field(min_length=3, max_length=3)] = Field(
        [0.7, 0.15, 0.15],
        description="shares of training, validation and test part in source; one with a source of "
        "its own has 0",
    )
    test_seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = Field(
        None,
        description="cuts the test part alone, so that it stays where `seed` and `folds` change; "
        "null: `seed` cuts all parts",
    )
    validation: str | None = Field(None, description="a source of its own for the validation part")
    test: str | None = Field(None, description="a source of its own for the test part")
    group: str | None = Field(None, description="column whose equal values stay in one part")
    order: str | None = Field(
        None, description="column of numbers or dates; parts and folds then follow each other in it"
    )
    stratify: str | None = Field(
        None,
        description="column whose values, instead of the target's classes, each part has an equal "
        "share of",
    )
    user: str | None = Field(None, description="column of users, for a recommender")
    item: str | None = Field(None, description="column of items, for a recommender")
    shape: list[Count] | None = Field(
        None, description="of one row's numbers: [channels, height, width] or [steps, features]"
    )
    series: Series | None = Field(
        None, description="windows of series and what comes after them, instead of rows"
    )
    text: TextSection | None = Field(
        None, description="the column of texts, or a mapping that says more of them"
    )
    columns: dict[str, ColumnTypes] = Field(
        {},
        description="what columns hold, by name, where their values leave a doubt: number, "
        "decimal_comma (a number, too), category, or dates with day_first or month_first",
    )
    memory: Size = Field(
        4 * 10**9, description="larger arrays (npz, npy, parquet) stay on disk, read batch by batch"
    )
    anomaly: Label | list[Label] | None = Field(
        None,
        description="label or labels of the target that are anomalies; no model trains on them",
    )

    @property
    def own(self) -> dict[str, str]:
        """The parts with a source of their own."""
        named = {"validation": self.validation, "test": self.test}
        return {part: source for part, source in named.items() if source is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of words, whatever they look like."""
        of_text = self.text.column if self.text else None
        return tuple(name for name in (self.user, self.item, of_text) if name is not None)

    @property
    def texts(self) -> TextColumn | None:
        """What is said of texts."""
        return TextColumn(**self.text.model_dump()) if self.text else None

    @property
    def windows(self) -> Windows | None:
        """What is cut from series."""
        if self.series is None:
            return None
        asked = self.series.model_dump()
        names = asked.pop("values")
        return Windows(**asked, values=None if names is None else tuple(names))

    @property
    def anomalies(self) -> list[Label] | None:
        """The labels of anomalies."""
        one = self.anomaly
        return one if one is None or isinstance(one, list) else [one]


class Objective(Section):
    """What is optimised: exactly one of the two. Ties go to the lower `val_loss`."""

    maximize: str | None = Field(None, description="the metric that should become large")
    minimize: str | None = Field(None, description="the metric that should become small")

    @model_validator(mode="after")
    def _one(self) -> Objective:
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("give either maximize or minimize, with one metric")
        return self

    @property
    def metric(self) -> str:
        return self.maximize or self.minimize or ""

    @property
    def mode(self) -> Mode:
        return "max" if self.maximize else "min"


class Budget(Section):
    """When the sweep ends; whichever comes first."""

    trials: Count | None = Field(None, description="how many configurations to try")
    epochs: Count = Field(27, description="the most epochs of one trial")
    total_epochs: Count | None = Field(None, description="epochs of all trials together")
    time: Duration | None = Field(None, description="time running: seconds, or like 10m, 1h30m")
    target: Finite | None = Field(None, description="a value of the objective that is good enough")
    stall: Count | None = Field(
        None, description="so many trials have ended since the best value last improved"
    )
    noise: bool = Field(
        False, description="further trials would improve less than the spread over seeds and folds"
    )


class Resources(Section):
    """What one trial takes; where trials are packed, what one worker with many of them takes."""

    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0, description="CPUs, also a part of one"
    )
    gpus: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="GPUs, also a part of one; the model trains there if there is any"
    )


class Limits(Section):
    """How long a trial and an epoch may take; null for no limit."""

    trial: Duration | None = Field(
        None, description="of a trial's own training: it ends at the next epoch's end (timeout)"
    )
    epoch: Duration | None = Field(
        3600.0, description="of an epoch, or between two reports: its worker is ended (hang)"
    )


class Checkpoint(Section):
    """Checkpoints are written at rungs, and in between every so often."""

    every: Duration = Field(300.0, description="time between two checkpoints of a trial")
    limit: Size = Field(
        2 * 10**9, description="of all checkpoints; the worst trials' are removed first"
    )


class MLflow(Section):
    """Where the sweep is shown; by default a local database in the home."""

    tracking_uri: str | None = Field(None, description="of a server or database of your own")
    experiment: str | None = Field(None, description="by default the sweep's name")
