"""Everything that happens in a sweep is one of these events; the journal keeps them in order.

Decisions travel inside the event that caused them, so a replay never decides anew. All are frozen
values with a JSON form (``encode``/``decode``), the only form that reaches storage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_args

Params = dict[str, Any]
Metrics = dict[str, float]
Row = tuple[int, Metrics]  # (epoch, metrics at the end of that epoch); epochs count from 1


@dataclass(frozen=True)
class Continue:
    """The trial trains on, up to epoch ``until``; a scheduler leaves that to the sweep's budget."""

    until: int = 0


@dataclass(frozen=True)
class Stop:
    """The trial ends here; ``reason`` is for people (``"rung 9"``, ``"time"``, ``"finished"``)."""

    reason: str


@dataclass(frozen=True)
class Pause:
    """The trial waits at its rung, with a checkpoint, until the scheduler lets it go on."""


@dataclass(frozen=True)
class Exploit:
    """The trial goes on with other weights and parameters (population based training).

    Attributes:
        source: whose weights and optimizer's state it takes over, of the same epoch as its own.
        params: with which it trains on, up to epoch ``until`` (see ``Continue``).
    """

    source: int
    params: Params
    until: int = 0


Decision = Continue | Stop | Pause | Exploit

FINISHED = "finished"  # the reason of the Stop that a trial gets at its last epoch
BY_A_PERSON = "stopped by a person"  # the reason of a sweep's end that cancels its open trials


@dataclass(frozen=True)
class Failure:
    """Why a trial failed. ``kind`` selects its retry budget; ``message`` may be a traceback."""

    kind: str
    message: str


@dataclass(frozen=True)
class Launched:
    """The first record of a sweep, durable before Ray, torch or MLflow is imported."""

    kind: ClassVar[str] = "launched"
    sweep: str
    name: str
    spec: dict[str, Any]
    details: dict[str, Any]  # sweep file, data identity, versions, executor, tracking URI


@dataclass(frozen=True)
class Opened:
    """A controller took the sweep up (at launch, and at each resume)."""

    kind: ClassVar[str] = "opened"
    executor: str
    why: str  # how the executor was chosen
    details: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A new trial, to be trained up to epoch ``until``; ``rungs`` are those of its scheduler.

    Up to format 3 the rungs were not recorded.
    """

    kind: ClassVar[str] = "asked"
    number: int
    params: Params
    until: int
    rungs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Rerun:
    """A waiting trial starts again (from its checkpoint, if it has one) under its number."""

    kind: ClassVar[str] = "rerun"
    number: int
    until: int


@dataclass(frozen=True)
class Resumed:
    """A paused trial goes on, or ends, by that decision. It is the same attempt."""

    kind: ClassVar[str] = "resumed"
    number: int
    decision: Decision


@dataclass(frozen=True)
class Reported:
    """New rows of a trial, and what was decided upon them."""

    kind: ClassVar[str] = "reported"
    number: int
    rows: tuple[Row, ...]
    decision: Decision


@dataclass(frozen=True)
class Completed:
    """The trial ended by itself before its last epoch (patience, or the user's function)."""

    kind: ClassVar[str] = "completed"
    number: int


@dataclass(frozen=True)
class Failed:
    """An attempt failed; with ``retry`` the trial waits for its next one."""

    kind: ClassVar[str] = "failed"
    number: int
    failure: Failure
    retry: bool


@dataclass(frozen=True)
class Lost:
    """An attempt was cut off through no fault of the trial, which waits for its next one."""

    kind: ClassVar[str] = "lost"
    number: int


@dataclass(frozen=True)
class Exhausted:
    """The sampler has nothing left to propose, so that paused trials need not wait for others."""

    kind: ClassVar[str] = "exhausted"


@dataclass(frozen=True)
class Ticked:
    """``seconds`` for which the sweep has been running, earlier sessions included."""

    kind: ClassVar[str] = "ticked"
    seconds: float


@dataclass(frozen=True)
class Noted:
    """What a person should know: ``text`` is the newest on ``topic``. It changes no decision."""

    kind: ClassVar[str] = "noted"
    topic: str  # such as "packing": one note of each topic holds at a time
    text: str


@dataclass(frozen=True)
class Estimated:
    """What the best trial's value is worth, as it was selected. It changes no decision.

    Attributes:
        best: the trial that was the best then.
        score, low, high: the corrected value, and a 90 % interval.
        tied: the trials that may as well be the best.
        sizes: trainable parameters of the best trial's model, and of each tied one's.
    """

    kind: ClassVar[str] = "estimated"
    best: int
    score: float
    low: float
    high: float
    tied: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tested:
    """The test part was used, with a trial's weights of ``epoch``. It changes no decision.

    Attributes:
        trial: whose model it was.
        metrics: by their names, such as ``"test_accuracy"``.
        by: whose use it was, as USER@HOST.
    """

    kind: ClassVar[str] = "tested"
    trial: int
    epoch: int
    metrics: Metrics
    by: str


@dataclass(frozen=True)
class Interrupted:
    """The controller went away on purpose; the sweep can be resumed."""

    kind: ClassVar[str] = "interrupted"
    reason: str


@dataclass(frozen=True)
class Closed:
    """The sweep is over, and so are its open trials. ``status`` is done or failed."""

    kind: ClassVar[str] = "closed"
    status: str
    reason: str


Event = (
    Launched
    | Opened
    | Asked
    | Rerun
    | Resumed
    | Reported
    | Completed
    | Failed
    | Lost
    | Exhausted
    | Ticked
    | Noted
    | Estimated
    | Tested
    | Interrupted
    | Closed
)

EVENTS: dict[str, type[Any]] = {event.kind: event for event in get_args(Event)}


def encode(event: Event) -> dict[str, Any]:
    """The JSON form of an event, without its kind; to be written, not to be changed."""
    match event:
        case Reported(number, rows, decision):
            return {"number": number, "rows": rows, "decision": encode_decision(decision)}
        case Resumed(number, decision):
            return {"number": number, "decision": encode_decision(decision)}
        case Failed(number, failure, retry):
            return {"number": number, "failure": vars(failure), "retry": retry}
        case _:
            return vars(event)  # of JSON values throughout


def decode(kind: str, body: dict[str, Any]) -> Event:
    """The event of that kind.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the body is not one of ours.
    """
    event: Event
    if kind == "reported":
        rows = tuple([(int(epoch), dict(metrics)) for epoch, metrics in body["rows"]])
        event = Reported(body["number"], rows, decode_decision(body["decision"]))
    elif kind == "resumed":
        event = Resumed(body["number"], decode_decision(body["decision"]))
    elif kind == "asked":
        rungs = tuple(int(rung) for rung in body.get("rungs", ()))
        event = Asked(**{**body, "rungs": rungs})
    elif kind == "estimated":
        lists = {name: tuple(map(int, body[name])) for name in ("tied", "sizes")}
        event = Estimated(**{**body, **lists})
    elif kind == "failed":
        event = Failed(body["number"], Failure(**body["failure"]), body["retry"])
        _check_types(event.failure)
    else:
        event = EVENTS[kind](**body)
    _check_types(event)
    return event


_TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (float, int),
    "bool": bool,
    "Params": dict,
    "Metrics": dict,
    "dict[str, Any]": dict,
}


_CHECKED = {
    made: tuple(
        (field.name, wanted)
        for field in fields(made)
        if (wanted := _TYPES.get(str(field.type))) is not None
    )
    for made in (*EVENTS.values(), Failure)
}


def _check_types(value: Event | Failure) -> None:
    """Raise TypeError where a field of JSON's holds what it cannot: all views rely on it."""
    for name, wanted in _CHECKED[type(value)]:
        found = getattr(value, name)
        if not isinstance(found, wanted):
            raise TypeError(f"{name} is {found!r}")


def is_sweep_id(text: str) -> bool:
    """Whether it may be the id of a sweep: a word that is also the name of a file."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}", text) is not None


def encode_decision(decision: Decision) -> dict[str, Any]:
    """One key says what is decided: continue, stop, pause or exploit."""
    match decision:
        case Continue(until):
            return {"continue": until}
        case Stop(reason):
            return {"stop": reason}
        case Pause():
            return {"pause": True}
        case Exploit():
            return {"exploit": vars(decision)}


def decode_decision(body: dict[str, Any]) -> Decision:
    """The inverse of ``encode_decision``."""
    match body:
        case {"continue": until}:
            return Continue(int(until))
        case {"stop": reason}:
            return Stop(str(reason))
        case {"pause": True}:
            return Pause()
        case {"exploit": {"source": source, "params": params, "until": until}}:
            return Exploit(int(source), dict(params), int(until))
    raise ValueError(f"no decision: {body!r}")
