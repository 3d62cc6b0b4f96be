"""What a terminal is sent can be read and does nothing."""

from __future__ import annotations

import io

import pytest

from lanewise.search.plain import plain, say

STEERING = {
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x1b]8;;http://evil\x1b\\here": "\\x1b]8;;http://evil\\x1b\\here",
    "\x9b2J wiped": "\\x9b2J wiped",  # C1: as good as ESC [
    "over\rwritten": "over\\x0dwritten",
    "back\b\bspaced": "back\\x08\\x08spaced",
    "nothing\x00\x7f": "nothing\\x00\\x7f",
    "invoice\u202efdp.exe": "invoice\\u202efdp.exe",
    "a lone half \udc80": "a lone half \\udc80",
}


@pytest.mark.parametrize("text", STEERING, ids=range(len(STEERING)))
def test_what_would_steer_a_terminal_is_written_out(text):
    assert plain(text) == STEERING[text]


@pytest.mark.parametrize("text", ["two\n\tlines\n", "naïve – “50 %” · 10⁻³ · 数据 · שלום", ""])
def test_all_else_is_as_it_was(text):
    assert plain(text) == text


def test_lines_of_a_windows_file_end_as_lines():
    assert plain("File a.py\r\n  x\r\n") == "File a.py\n  x\n"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "a | b - c~ \\xe9 \\u6570 ***|"),
        ("latin-1", "a · b - c~ é \\u6570 ***|"),
        ("cp1252", "a · b – c… é \\u6570 ***|"),
        ("utf-8", "a · b – c… é 数 ⣿⠁⢀┤"),
        (None, "a · b – c… é 数 ⣿⠁⢀┤"),
    ],
)
def test_what_an_encoding_lacks_is_simpler_or_written_out(encoding, shown):
    assert plain("a · b – c… é 数 ⣿⠁⢀┤", encoding) == shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
def test_a_strict_stream_takes_every_line(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    say("best – \x1b[2J \udc80 数", stream)
    stream.seek(0)
    assert stream.read().startswith("best ")
