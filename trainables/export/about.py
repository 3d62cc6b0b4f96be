"""What an exported model says about itself: model.json. No torch.

model.onnx           of each replica an input "x0" … [N, *shape], an output "output0" … [N, outputs]
preprocessing.json   what turns raw rows into these inputs, one entry a replica
model.json           `About`, with a hash of every other file and of itself
example.json         {"rows": [two raw rows]}
card.md              for people, if promotion has written one
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lanewise.trainables.data.task import Label
from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.sealed import Sealed

ABOUT, PREPROCESSING, NETWORK, EXAMPLE, CARD = (
    "model.json",
    "preprocessing.json",
    "model.onnx",
    "example.json",
    "card.md",
)
SEALED = Sealed("exported model", ABOUT, format=1)


@dataclass(frozen=True)
class Column:
    """One value of a raw row.

    type: "number", "category", "boolean", "date", "text", or the form of a whole example.
    nullable: whether it may be null; example: a value as a client would send it.
    """

    name: str
    type: str
    nullable: bool = True
    example: Any = None


@dataclass(frozen=True)
class About:
    """An exported model.

    form: of a raw row, see `rows`; shape: of an example; outputs: values of one replica.
    classes: the labels in the order of the outputs; None where there are none.
    window, horizon: of a forecasting, in rows; threshold: above which a row is an anomaly.
    variant: how the network was made smaller ("float32" for not at all); metrics: of its best epoch
    by their reported names, or as they were measured for the variant.
    origin: the sweep's id and name, the trial, and the data with their hash, as far as known.
    """

    name: str
    task: str
    form: str
    shape: tuple[int, ...]
    outputs: int
    columns: tuple[Column, ...]
    classes: tuple[Label, ...] | None = None
    window: int | None = None
    horizon: int | None = None
    threshold: float | None = None
    variant: str = "float32"
    metrics: Mapping[str, float] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    alias: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> About:
        known = {one.name: state[one.name] for one in fields(cls) if one.name in state}
        columns = tuple(Column(**column) for column in state["columns"])
        classes = state["classes"] and tuple(state["classes"])
        return cls(
            **{**known, "shape": tuple(state["shape"])} | {"columns": columns, "classes": classes}
        )


def write(about: About, folder: Path) -> None:
    """model.json over all files that are in the folder by now."""
    SEALED.seal(about.to_json(), folder)


def read(folder: Path) -> About:
    """What model.json says, once each file's hash is known to be right.

    Raises:
        CheckpointError: it is no exported model, of a newer format, or a file is another one.
    """
    told = SEALED.read(folder)
    for name in (NETWORK, PREPROCESSING):
        if name not in told["files"]:
            raise CheckpointError(f"{folder} is no exported model: {ABOUT} names no {name}")
    for name, digest in told["files"].items():
        SEALED.check(folder, name, digest)
    return About.from_json(told)
