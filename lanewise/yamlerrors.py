"""What is wrong with a text that is no YAML, as its author would say it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from yaml import MarkedYAMLError

_KEY = re.compile(r"\s*(-\s+)*[\w.-]+\s*:(\s|$)")  # a line that begins with a key
_TIGHT = re.compile(r"[\w.-]+:(?=[^\s/:])\S*")  # a key and its value without a blank


def explain(error: MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line of the mistake, counted from 1, and what it is."""
    lines = text.splitlines()
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    begun = error.context_mark.line if error.context_mark else line
    problem, context = error.problem or "", error.context or ""
    if "'\\t'" in problem:
        return line + 1, "a tab; indent and separate with blanks"
    if "quoted scalar" in context:
        return _in_quotes(problem, begun, line)
    if "flow" in context and "expected" in problem:
        return _in_brackets(context, problem, begun, line, text)
    if "simple key" in context or "mapping values" in problem:
        place = begun if "simple key" in context else line
        return _no_pair(lines, place, column if place == line else 0)
    if "<block end>" in problem:
        return line + 1, _out_of_block(problem, lines, line)
    if "cannot start any token" in problem:
        return line + 1, f"a value cannot begin with {problem.split()[2]}; put it in quotes"
    if "undefined alias" in problem:
        return (
            line + 1,
            f"there is no &{problem.split()[-1].strip(chr(39))} to refer to; a value"
            " that begins with * needs quotes",
        )
    if "alias" in context or "anchor" in context:
        return line + 1, "a value that begins with * or & needs quotes"
    if "another document" in problem:
        return line + 1, "a second document ('---'); a sweep file has one"
    if "merging" in problem:
        return line + 1, "'<<' takes a mapping, or a list of mappings"
    return line + 1, f"is not YAML: {problem or context}"


def _in_quotes(problem: str, begun: int, line: int) -> tuple[int, str]:
    if "escape" in problem:
        letter = problem.split()[-1].strip("'")
        return line + 1, f"'\\{letter}' in double quotes; a path with backslashes needs single ones"
    return begun + 1, "a quote is opened here and never closed"


def _in_brackets(context: str, problem: str, begun: int, line: int, text: str) -> tuple[int, str]:
    opening, closing = ("{", "}") if "mapping" in context else ("[", "]")
    found = re.split("got |found ", problem)[-1].strip("'")
    if "flow node" in context and found == "<stream end>":  # right behind the bracket
        place = max(text.rfind("["), text.rfind("{"))
        line = text.count("\n", 0, place) + 1
        return line, f"'{text[place]}' is opened here and not closed"
    if found in ("}", "]"):
        return line + 1, f"'{opening}' is closed by '{found}'; expected ',' or '{closing}'"
    if found == "<stream end>" or line != begun:
        return begun + 1, f"'{opening}' is opened here and not closed"
    return line + 1, f"a comma is missing, or '{opening}' is not closed"


def _no_pair(lines: Sequence[str], line: int, column: int) -> tuple[int, str]:
    """A line that is no ``key: value``, or that goes on with the value of the line above."""
    words = lines[line] if line < len(lines) else ""
    if column and _KEY.match(words) and ":" in words[:column]:
        return line + 1, "a second ': ' in one line; put the value in quotes, or on a line below"
    if "\N{NO-BREAK SPACE}" in words:
        return line + 1, "a no-break space (U+00A0); write a plain blank"
    above = next((n for n in range(line - 1, -1, -1) if lines[n].strip()), line)
    for place in (line, above):
        if tight := _TIGHT.fullmatch(lines[place].partition(" #")[0].strip() if lines else ""):
            return place + 1, f"'{tight[0][:40]}' needs a blank behind the colon"
    if column and _indent(words) > _indent(lines[above]):
        return line + 1, "is indented further than the line above, which has its value already"
    return line + 1, f"'{words.strip()[:40]}' is no 'key: value'"


def _out_of_block(problem: str, lines: Sequence[str], line: int) -> str:
    found = problem.rpartition("found ")[2].strip("'")
    if found in ("}", "]"):
        return f"'{found}' closes nothing"
    if found == "<block sequence start>" or found == "-":
        return "a list item ('- …') among keys"
    if found == "<block mapping start>":
        return "is indented unlike the keys above it"
    return f"'{lines[line].strip()[:40]}' is no 'key: value'" if line < len(lines) else "ends early"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
