"""Failures that differ only in numbers, addresses, ids or paths are one to whoever reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lanewise.dashboards.words import last_line
from lanewise.search.core.events import Failure
from lanewise.search.core.history import History
from lanewise.search.core.states import FAILED


@dataclass(frozen=True)
class FailureGroup:
    """Attempts that failed alike.

    Attributes:
        trials: their numbers, ascending, each once.
        count: the attempts; more than the trials where some were tried again.
        message: the whole text of the first of them.
        differs: whether the others' texts are not the same to the letter.
    """

    kind: str
    trials: tuple[int, ...]
    count: int
    message: str
    differs: bool

    @property
    def last_line(self) -> str:
        """What was raised, in a line."""
        return last_line(self.message)


def final_failures(history: History) -> Iterator[tuple[int, Failure]]:
    """(trial, failure) of every trial that failed for good: its last attempt's."""
    for trial in history:
        if trial.status == FAILED:
            yield trial.number, trial.failures[-1]


def all_failures(history: History) -> Iterator[tuple[int, Failure]]:
    """(trial, failure) of every attempt that failed, those that were tried again included."""
    for trial in history:
        for failure in trial.failures:
            yield trial.number, failure


def group_failures(failures: Iterable[tuple[int, Failure]]) -> list[FailureGroup]:
    """Failures by what went wrong, the most frequent first, among equals the oldest trial's."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, failure in failures:
        text = failure.message.rstrip()
        found.setdefault((failure.kind, pattern(text)), []).append((number, text))
    groups = [
        FailureGroup(
            kind=kind,
            trials=tuple(sorted({number for number, _ in members})),
            count=len(members),
            message=members[0][1],
            differs=len({text for _, text in members}) > 1,
        )
        for (kind, _), members in found.items()
    ]
    return sorted(groups, key=lambda group: (-len(group.trials), group.trials))


# A frame of a traceback; `|` where it is one of an exception group.
_FRAME = re.compile(r'^([\s|+-]*)File "(.*)", line (\d+)')
_LIBRARIES = ("/site-packages/", "/dist-packages/", "/lib/python3", "<frozen ")

# What changes from one attempt to the next, with what stands in its place; in this order.
_VARIABLE = tuple(
    (re.compile(regex), word)
    for regex, word in (
        (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "#"),  # UUIDs
        (r"\b0x[0-9a-fA-F]+\b", "#"),
        (r"(?<=/)tmp[0-9a-z_]{8}(?![0-9a-z_])", "#"),  # of Python's tempfile
        (r"(?<=/)[^/\s'\":,;()]*\d[^/\s'\":,;()]*", "#"),  # a part of a path that has a digit
        (r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}\b", "#"),  # ids in hex digits
        (r"(?<![\w.])[-+](?=\.?\d)", ""),  # a number's sign
        (r"\d+(?:[._,]\d+)*\.?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?", "#"),
        (r"# ?(?:[kKMGT]i?)?B\b", "# B"),  # sizes in bytes, whatever their unit
        (r"#(?:(?:,\s*|\s*[x×*:/-]\s*)#)*(?:,(?=[\])]))?", "#"),  # shapes and lists, of any length
    )
)


def pattern(message: str) -> str:
    """A failure's text without what changes between attempts: equal for failures that are alike.

    Of a traceback it is the last exception, and the innermost line of code outside of libraries:
    how the code came there, or where in a library it ended, differs with the configuration.
    """
    lines = message.splitlines()
    frames = [(place, found) for place, line in enumerate(lines) if (found := _FRAME.match(line))]
    if not frames:
        return _without_numbers(message)
    place, last = frames[-1]
    raised = place + 1
    # Below a frame stand its code and its marks, further in than the exception itself.
    while raised < len(lines) and _indent(lines[raised]) >= len(last[1]) > 0:
        raised += 1
    own = [frame for _, frame in frames if not any(name in frame[2] for name in _LIBRARIES)]
    _, file, line = (own[-1] if own else last).groups()
    told = "\n".join(lines[raised:] or lines[-1:])
    return f"{_without_numbers(file)}, line {line}\n{_without_numbers(told)}"


def _without_numbers(text: str) -> str:
    for regex, word in _VARIABLE:
        text = regex.sub(word, text)
    return text


def _indent(line: str) -> int:
    """Columns before a line's text; of a blank line, as many as need be."""
    return len(line) - len(line.lstrip(" |")) if line.strip() else len(line) + 1000
