"""YAML as people expect it: version 1.2's plain scalars, no tags, no duplicate keys, no bombs.

PyYAML follows YAML 1.1, in which ``1e-4`` is text, ``no`` is false and ``10:30`` is 630.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from lanewise.errors import SweepFileError

MOST_BYTES = 1_000_000
MOST_NODES = 100_000  # after aliases are written out


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
    if len(text) > MOST_BYTES:
        raise SweepFileError(f"{file}: longer than {MOST_BYTES} characters")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise SweepFileError(f"{file}: the file is empty")
        _measure(node, file, {}, frozenset())
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise SweepFileError(f"{file}: {_explain(error)}") from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, SweepFileError):
            raise
        raise SweepFileError(f"{file}: cannot be read as YAML: {error}") from None
    finally:
        loader.dispose()


def scalar(text: str) -> Any:
    """The value of one ``key=value`` argument."""
    return load(text, f"'{text}'") if text.strip() else ""


def dump(value: Any) -> str:
    """YAML that ``load`` reads back, keys in the given order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)


def _measure(node: yaml.Node, file: str, known: dict[int, int], above: frozenset[int]) -> int:
    """How many nodes there are once aliases are written out; refuses too many, cycles and tags."""
    if id(node) in above:
        raise SweepFileError(f"{_place(file, node)}: an alias refers to itself")
    if id(node) in known:
        return known[id(node)]
    if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
        raise SweepFileError(f"{_place(file, node)}: the tag {node.tag} is not allowed")
    children = _children(node, file)
    size = 1 + sum(_measure(child, file, known, above | {id(node)}) for child in children)
    if size > MOST_NODES:
        raise SweepFileError(
            f"{_place(file, node)}: more than {MOST_NODES} values once aliases are written out"
        )
    known[id(node)] = size
    return size


def _children(node: yaml.Node, file: str) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if not isinstance(node, yaml.MappingNode):
        return []
    keys: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise SweepFileError(f"{_place(file, key)}: a key must be a word")
        if key.value in keys:
            raise SweepFileError(f"{_place(file, key)}: the key '{key.value}' is there twice")
        keys.add(key.value)
    return [child for pair in node.value for child in pair]


def _place(file: str, node: yaml.Node) -> str:
    return f"{file}:{node.start_mark.line + 1}"


def _explain(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return f"{where}{error.problem or error.context or 'not YAML'}"
    return " ".join(str(error).split())
