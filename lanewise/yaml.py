"""YAML as people expect it: version 1.2's plain scalars, no tags, no duplicate keys, no bombs.

PyYAML follows YAML 1.1, in which ``1e-4`` is text, ``no`` is false and ``10:30`` is 630.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from lanewise.errors import SweepFileError
from lanewise.yamlerrors import explain

MOST_BYTES = 1_000_000
MOST_NODES = 100_000  # after aliases are written out
_TAGS = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """A SafeLoader with the plain scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_PLAIN = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}
for _name, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), [*_first, ""]
    )


def load(text: str, file: str) -> Any:
    """The value of a YAML document.

    Raises:
        SweepFileError: one line with the place, for anything that is not plain, finite YAML.
    """
    try:
        return _load(text)
    except _NotYamlError as mistake:
        raise SweepFileError(f"{file}{mistake.place}: {mistake.text}") from None


def scalar(text: str) -> Any:
    """The value of one ``key=value`` argument; SweepFileError says what is wrong with it."""
    try:
        return _load(text) if text.strip() else ""
    except _NotYamlError as mistake:
        raise SweepFileError(mistake.text) from None


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """The line, counted from 1, in which the value at a path stands: the deepest that is there."""
    node, line = yaml.compose(text, _Loader), None
    for key in keys:
        pairs: list[tuple[yaml.Node, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            pairs = [(name, value) for name, value in node.value if name.value == key]
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            pairs = [(node.value[int(key)], node.value[int(key)])]
        if not pairs:
            break
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line


def dump(value: Any) -> str:
    """YAML that ``load`` reads back, keys in the given order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)


class _NotYamlError(Exception):
    """What is wrong with a text, and where: ``:7``, or nothing where that is plain."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.place = f":{line}" if line else ""


def _load(text: str) -> Any:
    if len(text) > MOST_BYTES:
        raise _NotYamlError(f"longer than {MOST_BYTES} characters")
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        code, line = int(error.character), text.count("\n", 0, error.position) + 1
        raise _NotYamlError(f"holds the character U+{code:04X}, as no text does", line) from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise _NotYamlError("the file is empty")
        _measure(node, {}, frozenset())
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line, words = explain(error, text)
        raise _NotYamlError(words, line) from None
    except RecursionError:
        raise _NotYamlError("is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise _NotYamlError(f"cannot be read as YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def _measure(node: yaml.Node, known: dict[int, int], above: frozenset[int]) -> int:
    """How many nodes there are once aliases are written out; refuses too many, cycles and tags."""
    if id(node) in above:
        raise _mistake(node, "an alias refers to itself")
    if id(node) in known:
        return known[id(node)]
    if not node.tag.startswith(_TAGS) or "python" in node.tag:
        tag = node.tag.replace(_TAGS, "!!")
        raise _mistake(node, f"the tag {tag} is not allowed, only plain values are")
    children = _children(node)
    size = 1 + sum(_measure(child, known, above | {id(node)}) for child in children)
    if size > MOST_NODES:
        raise _mistake(node, f"more than {MOST_NODES} values once aliases are written out")
    known[id(node)] = size
    return size


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.value.startswith(("“", "”", "„", "‘", "’")):
            raise _mistake(node, f"typographic quotes ({node.value[0]}); use \" or '")
        return []
    assert isinstance(node, yaml.MappingNode)
    keys: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _mistake(key, "a key must be a word")
        if key.value in keys:
            raise _mistake(key, f"the key '{key.value}' is there twice")
        if key.style is None and ":" in key.value and value.value == "":
            raise _mistake(key, f"'{key.value}' needs a blank behind the colon")
        keys.add(key.value)
    return [child for pair in node.value for child in pair]


def _mistake(node: yaml.Node, text: str) -> _NotYamlError:
    return _NotYamlError(text, node.start_mark.line + 1)
