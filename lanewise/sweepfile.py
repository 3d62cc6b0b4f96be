"""The sweep file: its schema, its defaults, and one clear line for each mistake in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from lanewise import yaml
from lanewise.errors import SweepFileError
from lanewise.sections import (
    Budget,
    Checkpoint,
    Count,
    Data,
    Executors,
    Limits,
    MLflow,
    Objective,
    PluginSection,
    Resources,
    Section,
    Tasks,
)
from lanewise.spaces.errors import nearest

# Where pydantic's own words are about Python rather than about the file.
_ALLOWED = {
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "list_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "string_pattern_mismatch": "must be one line without slashes",
}


class SweepFile(Section):
    """A sweep as a person writes it."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            pattern=r"^[^\x00-\x1f\x7f/\\]+$",
            description="what the sweep is called; by default like its file",
        ),
    ]
    data: Data | None = None
    model: str | dict[str, dict[str, Any]] | None = Field(
        None, description="mlp, {mlp: {fixed settings}}, FILE.py:build or package.module:build"
    )
    train: str | None = Field(None, description="FILE.py:train or package.module:train")
    objective: Objective
    space: dict[str, Any] | None = Field(None, description="what may vary; see the reference")
    sampler: PluginSection = Field({"tpe": {}}, description="grid, random, tpe, or module:Class")
    scheduler: PluginSection = Field({"asha": {}}, description="none, asha, or module:Class")
    budget: Budget = Budget()
    resources: Resources = Resources()
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = Field(0, description="of everything random")
    executor: Executors = Field(
        "auto",
        description="where trials run: many stacked in each worker, each alone in Ray Tune, or in "
        "the command's own process",
    )
    task: Tasks | None = Field(
        None, description="by default inferred from the objective, then from the target"
    )
    loss: PluginSection | None = Field(
        None, description="by default cross_entropy or mse; with its options: {huber: {delta: 2}}"
    )
    metrics: list[str] = Field([], description="further metrics to report")
    folds: Count = Field(1, description="k-fold cross-validation within each trial")
    seeds: Count = Field(1, description="repetitions of each trial with other seeds")
    start: list[dict[str, Any]] = Field([], description="configurations to try first")
    max_concurrent: Count | None = Field(None, description="the most trials at a time")
    retries: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {}, description="how often a trial starts again, by kind of failure"
    )
    limits: Limits = Limits()
    checkpoint: Checkpoint = Checkpoint()
    mlflow: MLflow = MLflow()
    report: bool = Field(True, description="build the HTML report when the sweep ends")

    @model_validator(mode="after")
    def _consistent(self) -> SweepFile:
        if (self.model is None) == (self.train is None):
            raise ValueError("give either model or train")
        if isinstance(self.model, dict) and len(self.model) != 1:
            raise ValueError("model: must be a name, or one name with its fixed settings")
        if self.model is not None and self.data is None:
            raise ValueError("data: a model needs data (data: {source: ...})")
        return self

    @property
    def model_name(self) -> str | None:
        return next(iter(self.model)) if isinstance(self.model, dict) else self.model

    @property
    def loss_choice(self) -> dict[str, Any] | None:
        """The loss with its options, as a configuration holds a choice."""
        return next(({"name": n, **more} for n, more in (self.loss or {}).items()), None)

    @property
    def fixed(self) -> dict[str, Any]:
        """The model's fixed settings, below every configuration."""
        return next(iter(self.model.values())) if isinstance(self.model, dict) else {}


def read(path: Path, overrides: Iterable[str] = ()) -> SweepFile:
    """Reads a sweep file, with ``key.path=value`` overrides.

    Raises:
        SweepFileError: one line that names file, key, value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SweepFileError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SweepFileError(f"{path}: cannot be read: {error}") from None
    body = yaml.load(text, str(path))
    if not isinstance(body, dict):
        raise SweepFileError(f"{path}: must be a mapping of keys, found {_kind(body)}")
    for override in overrides:
        _override(body, override)
    body.setdefault("name", path.stem)
    return parse(body, str(path))


def parse(body: Mapping[str, Any], file: str) -> SweepFile:
    """A sweep file from plain values; SweepFileError names ``file``."""
    try:
        return SweepFile.model_validate(dict(body))
    except ValidationError as error:
        raise SweepFileError(f"{file}: {_first_mistake(error)}") from None


def to_json(sweep: SweepFile) -> dict[str, Any]:
    """Plain values that ``parse`` reads back; what was not given is left out."""
    body: dict[str, Any] = sweep.model_dump(mode="json", exclude_unset=True)
    return body


def _override(body: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SweepFileError(f"'{override}': an override is key=value, such as budget.trials=20")
    *path, last = key.split(".")
    for name in path:
        body = body.setdefault(name, {})
        if not isinstance(body, dict):
            raise SweepFileError(f"'{override}': {name} is {_kind(body)}, it has no keys")
    body[last] = yaml.scalar(text)


def _first_mistake(error: ValidationError) -> str:
    # Unknown keys first: a misspelled key is mostly the cause of the missing one.
    mistakes = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    mistake = mistakes[0]
    path = ".".join(str(part) for part in mistake["loc"] if not _is_branch(part))
    match mistake["type"]:
        case "extra_forbidden":
            return _unknown_key(mistake["loc"])
        case "missing":
            return f"{path}: is missing"
        case "value_error":
            text = str(mistake["ctx"]["error"])
            value = f", got {mistake['input']!r}" if path and _is_short(mistake["input"]) else ""
            return f"{path}: {text}{value}" if path else text
        case "literal_error":
            given, words = str(mistake["input"]), mistake["ctx"]["expected"]
            hint = nearest(given, re.findall(r"'(.*?)'", words))
            return f"{path}: must be {words}, got {_shown(mistake['input'])}{hint}"
        case kind:
            allowed = _ALLOWED.get(kind) or re.sub(r"^\w+ should", "must", mistake["msg"])
            return f"{path}: {allowed}, got {_shown(mistake['input'])}"


def _unknown_key(location: tuple[int | str, ...]) -> str:
    model: Any = SweepFile
    for part in location[:-1]:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            annotation = model.model_fields[part].annotation
            candidates = [annotation, *getattr(annotation, "__args__", ())]
            model = next((c for c in candidates if hasattr(c, "model_fields")), model)
    names = list(model.model_fields)
    hint = nearest(str(location[-1]), model.model_fields)
    path = ".".join(map(str, location[:-1]))
    where = f"{path}: " if path else ""
    return f"{where}unknown key '{location[-1]}'{hint} (allowed: {', '.join(names)})"


def _is_branch(part: int | str) -> bool:
    """Whether a part of pydantic's location names a branch of a union rather than a key."""
    return isinstance(part, str) and (part in ("str", "int", "float") or "[" in part)


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: object) -> str:
    names = {list: "a list", str: "text", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), f"{value!r}")
