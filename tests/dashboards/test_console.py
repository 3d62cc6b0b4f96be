"""Whatever a view draws, only rich itself steers the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lanewise.dashboards.console import PlainConsole

HOSTILE = "\x1b]0;mine\x07 \x9b2J – \x1b[31mred"
# What rich sends by itself: colours, cursor moves, the alternate screen.
RICH = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def drawn(console: PlainConsole, stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@pytest.fixture(params=["ascii", "latin-1", "utf-8"])
def stream(request: pytest.FixtureRequest) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), request.param, errors="strict", newline="")


def table() -> Table:
    made = Table("name", HOSTILE)
    made.add_row(Text(HOSTILE), HOSTILE)
    return made


@pytest.mark.parametrize(
    "what", [HOSTILE, Text(HOSTILE, style="bold"), table()], ids=["str", "Text", "Table"]
)
def test_text_in_whatever_form_is_only_text(what: object, stream: io.TextIOWrapper) -> None:
    console = PlainConsole(file=stream, force_terminal=True, color_system="standard", width=120)
    console.print(what, markup=False, highlight=False)
    text = drawn(console, stream)
    assert "\\x1b]0;mine" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", RICH.sub("", text))
    assert "\x1b[31m" not in text


def test_a_screen_that_renews_itself_is_steered_by_rich_alone(stream: io.TextIOWrapper) -> None:
    console = PlainConsole(file=stream, force_terminal=True, width=60, height=6)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(Text(HOSTILE), refresh=True)
    text = drawn(console, stream)
    assert "\x1b[?1049h" in text  # rich's own steering is left alone
    assert "\x1b]0;" not in text
    assert "\x9b" not in text
