"""YAML as people write it: values on one line, comments below each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lanewise import yaml

_PLAIN = re.compile(r"\w[\w./-]*")


def aligned(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Comments below each other, as far as lines are short."""
    short = [len(line) for line, comment in lines if comment and len(line) <= 60]
    column = max(short, default=0) + 2
    for line, comment in lines:
        yield f"{line.ljust(column)}  {remark(comment)}" if comment else line


def remark(text: str) -> str:
    """A comment, whatever names of columns are in it."""
    return f"# {' '.join(text.split())}"


def flow(value: Any) -> str:
    """A value on one line, as people write it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.1f}" if value == int(value) and abs(value) < 1e6 else f"{value:g}"
        case int():
            return str(value)
        case Mapping():
            options = [f"{flow(k)}: {flow(v)}" for k, v in value.items()]
            is_bare = len(value) == 1 and next(iter(value.values())) == {}
            return flow(next(iter(value))) if is_bare else f"{{{', '.join(options)}}}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
    text = str(value)
    is_plain = _PLAIN.fullmatch(text) and yaml.scalar(text) == text
    if is_plain:
        return text
    return json.dumps(text, ensure_ascii=False)  # YAML's double quotes hold all that JSON's do
