"""The sweep file: its schema, its defaults, and one clear line for each mistake in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from lanewise import yaml
from lanewise.errors import SweepFileError
from lanewise.mistakes import first_mistake, kind_of, meant_key
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
from lanewise.spaces.errors import did_you_mean
from lanewise.spaces.errors import meant as meant_name


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
    scheduler: PluginSection = Field(
        {"asha": {}}, description="none, constant, asha, hyperband, median, pbt, or module:Class"
    )
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
    reshuffle: bool = Field(
        False, description="whether each trial gets training and validation rows of its own"
    )
    start: list[dict[str, Any]] = Field([], description="configurations to try first")
    # A word of Python's, so that no line of code can declare or read it.
    __annotations__["from"] = "str | list[str]"
    locals()["from"] = Field(
        [], description="what the sampler learns from first: earlier sweeps, CSV files of results"
    )
    repeats: bool = Field(False, description="whether a configuration may be tried again")
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
        if self.budget.noise and (self.train is not None or self.seeds * self.folds == 1):
            raise ValueError("budget.noise: needs a model with seeds > 1 or folds > 1")
        return self

    @property
    def sources_of_results(self) -> list[str]:
        """The key ``from``."""
        given: str | list[str] = getattr(self, "from")
        return [given] if isinstance(given, str) else given

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
        SweepFileError: one line that names file and line, key, value and what is allowed.
    """
    text = _text(path)
    body = yaml.load(text, str(path))
    if not isinstance(body, dict):
        raise SweepFileError(f"{path}: must be a mapping of keys, found {kind_of(body)}")
    overrides = list(overrides)
    for override in overrides:
        _override(body, override)
    body.setdefault("name", path.stem)
    return _checked(body, lambda keys: _where(path, text, overrides, keys))


def parse(body: Mapping[str, Any], file: str) -> SweepFile:
    """A sweep file from plain values; SweepFileError names ``file``."""
    return _checked(body, lambda keys: file)


def to_json(sweep: SweepFile) -> dict[str, Any]:
    """Plain values that ``parse`` reads back; what was not given is left out."""
    body: dict[str, Any] = sweep.model_dump(mode="json", exclude_unset=True)
    return body


def hint(key: str, names: Iterable[str] = ()) -> str:
    """``", did you mean 'budget.trials'?"`` for what is no key of a sweep file, or nothing.

    Args:
        names: allowed beside the file's own keys.
    """
    return did_you_mean(meant_key(SweepFile, (key,), names))


def meant(option: str) -> list[str]:
    """The paths in a sweep file that an option of this name would set, if any."""
    if option.partition(".")[0] in SweepFile.model_fields:
        return [option]
    return meant_key(SweepFile, (option,))


def _checked(body: Mapping[str, Any], where: Callable[[Sequence[str]], str]) -> SweepFile:
    try:
        return SweepFile.model_validate(dict(body))
    except ValidationError as error:
        keys, mistake = first_mistake(error, SweepFile)
        raise SweepFileError(f"{where(keys)}: {mistake}") from None


def _text(path: Path) -> str:
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        hint = "; the sweep file comes first, then key=value" if "=" in str(path) else ""
        raise SweepFileError(f"{path}: there is no such file{hint or _nearest(path)}") from None
    except IsADirectoryError:
        raise SweepFileError(f"{path}: is a folder; give a sweep file") from None
    except OSError as error:
        raise SweepFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if body.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise SweepFileError(f"{path}: is UTF-16; save it as UTF-8") from None
        if b"\0" in body:
            raise SweepFileError(f"{path}: is a binary file, no sweep file") from None
        line = body.count(b"\n", 0, error.start) + 1
        raise SweepFileError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from None


def _nearest(path: Path) -> str:
    """The sweep file beside it that is meant, if any."""
    beside = [other.name for other in path.parent.glob("*.y*ml")]
    return did_you_mean([str(path.with_name(name)) for name in meant_name(path.name, beside)])


def _where(path: Path, text: str, overrides: Sequence[str], keys: Sequence[str]) -> str:
    """Where a mistake was made: by an override, or in a line of the file."""
    for override in reversed(overrides):
        given = override.partition("=")[0].split(".")
        if all(one == other for one, other in zip(given, keys, strict=False)) and keys:
            return f"'{override}'"
    line = yaml.line_of(text, keys)
    return f"{path}:{line}" if line else str(path)


def _override(body: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SweepFileError(f"'{override}': an override is key=value, such as budget.trials=20")
    *path, last = key.split(".")
    for name in path:
        body = body.setdefault(name, {})
        if not isinstance(body, dict):
            raise SweepFileError(f"'{override}': {name} is {kind_of(body)}, it has no keys")
    try:
        body[last] = yaml.scalar(text)
    except SweepFileError as error:
        raise SweepFileError(f"'{override}': {error}") from None
