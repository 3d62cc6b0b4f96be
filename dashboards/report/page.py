"""The page: facts and figures as one HTML file that needs nothing beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from lanewise.dashboards.report.facts import Facts
from lanewise.dashboards.report.figure import Figure

FOLDER = Path(__file__).parent


def render(facts: Facts, figures: Sequence[Figure]) -> str:
    """The whole file. Facts are escaped by the template, figures' strings by who made them."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    bodies = {figure.key: figure.body for figure in figures if figure.body is not None}
    return environment.get_template("page.html").render(
        facts=facts,
        sections=sections(figures),
        figures_json=embedded(bodies),
        css=_asset("page.css"),
        js=_asset("page.js"),
        plotly=get_plotlyjs(),
    )


def sections(figures: Iterable[Figure]) -> list[tuple[str, list[Figure]]]:
    """Figures under their headings: their group's name, or their own title."""
    return [
        (title, list(found))
        for title, found in groupby(figures, key=lambda figure: figure.group or figure.title)
    ]


def embedded(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it closes the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _asset(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")
