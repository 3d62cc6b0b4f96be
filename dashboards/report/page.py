"""The page: facts and figures as one HTML file that needs nothing beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from lanewise.dashboards.report.facts import Facts
from lanewise.dashboards.report.figure import Figure

FOLDER = Path(__file__).parent


def render(facts: Facts, figures: Sequence[Figure]) -> str:
    """The whole file. Facts are escaped by the template, figures' strings by who made them."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["breakable"] = breakable
    parts = sections(figures)
    bodies = {figure.key: figure.body for figure in figures if figure.body is not None}
    return environment.get_template("page.html").render(
        facts=facts,
        sections=parts,
        contents=contents(facts, parts),
        figures_json=embedded(bodies),
        css=_asset("page.css"),
        js=_asset("page.js"),
        plotly=get_plotlyjs(),
    )


@dataclass(frozen=True)
class Section:
    """Figures under one heading: their group's name, or their own title."""

    id: str
    title: str
    figures: tuple[Figure, ...]


def sections(figures: Iterable[Figure]) -> list[Section]:
    """Figures of one group are one section, any other is one of its own."""
    grouped = groupby(figures, key=lambda figure: figure.group or figure.title)
    found = [(title, tuple(members)) for title, members in grouped]
    return [Section(f"about-{members[0].key}", title, members) for title, members in found]


def contents(facts: Facts, parts: Iterable[Section]) -> list[tuple[str, str]]:
    """(id, title) of every section of the page, in order."""
    return [
        ("best", "Best configuration" if facts.best else "No best configuration"),
        ("diagnosis", "Diagnosis"),
        ("spent", "What was spent"),
        *((part.id, part.title) for part in parts),
        ("space", "Search space"),
        ("trials", "All trials"),
        *([("failures", "Failures")] if facts.failures else []),
        ("on", "To go on"),
        ("made", "To do it again"),
    ]


def breakable(name: str) -> Markup:
    """A long name that may go on in the next line behind its points and underscores."""
    return Markup(re.sub(r"(?<=[._])(?=\w)", "<wbr>", str(escape(name))))


def embedded(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it closes the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _asset(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")
