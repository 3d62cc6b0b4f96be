"""Text from anywhere as a terminal may have it.

An exception's message, a sweep's name, a server's answer: none of them may steer the terminal that
they are shown on, and none may end a command because its encoding lacks a character.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
from typing import TextIO

# C0 but for tab and line feed, DEL, C1, and what turns the direction of a line around.
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BRAILLE = range(0x2801, 0x2900)

# What stands for our own signs where an encoding lacks them: one character for one, as columns go.
_INSTEAD = {
    **{"…": "~", "·": "|", "→": ">", "−": "-", "–": "-", "—": "-", "×": "x", "²": "2", "√": "v"},
    **{"≥": ">", "≤": "<", "≠": "!", "’": "'", "‘": "'", "“": '"', "”": '"', "µ": "u", "✓": "+"},
    **{"├": "|", "└": "`", "│": "|", "┤": "|", "─": "-", "━": "-", "╺": "-", "╸": "-", "•": "*"},
    **{"█": "#", "⠀": " "},
    **{chr(code): "*" for code in _BRAILLE},
}

PLAIN = "lanewise.plain"  # how an encoding is to deal with what it lacks, as "strict" is another


def plain(text: str, encoding: str | None = None) -> str:
    """The text as a stream of that encoding (UTF-8 by default) takes it.

    What would steer a terminal is written out (``\\x1b``), and so is what the encoding lacks, but
    for signs of ours that have something simpler in their place.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _STEERS.sub(lambda found: _written_out(found[0]), text.replace("\r\n", "\n"))
    encoding = encoding or "utf-8"
    return text.encode(encoding, PLAIN).decode(encoding)


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints a text as ``plain`` has it, by default to standard error."""
    stream = sys.stderr if stream is None else stream
    print(plain(text, getattr(stream, "encoding", None)), file=stream, flush=True)


def tolerate() -> None:
    """Makes this process's standard streams take what their encoding lacks, whoever prints it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN)


def _simplify(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(each) or _written_out(each) for each in lacking), error.end


def _written_out(each: str) -> str:
    """``\\x1b``, ``\\u202e``."""
    return f"\\x{ord(each):02x}" if ord(each) < 0x100 else f"\\u{ord(each):04x}"


codecs.register_error(PLAIN, _simplify)
