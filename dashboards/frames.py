"""Tracebacks as their readers need them: without our frames around the code of a user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(.+)", line \d+')
_PACKAGE = Path(__file__).parent.parent  # of lanewise: the rooms are folders in it


def without_ours(message: str) -> str:
    """A failure's text without the frames of ours that lead to a user's code.

    A bug of ours, or in what we call with no user's code in between, stays whole.
    """
    lines = message.splitlines()
    kept: list[str] = []
    place = 0
    while place < len(lines):
        kept.append(lines[place])
        place += 1
        if lines[place - 1].strip() == HEAD and not lines[place - 1].startswith(" "):
            frames, place = _frames(lines, place)
            kept += [line for frame in _of_users(frames) for line in frame]
    return "\n".join(kept)


def _frames(lines: Sequence[str], place: int) -> tuple[list[list[str]], int]:
    """The frames that begin at a line, each with its code and marks, and the line behind them."""
    frames: list[list[str]] = []
    while place < len(lines) and lines[place].startswith("  "):
        if _FRAME.match(lines[place]) or not frames:
            frames.append([])
        frames[-1].append(lines[place])
        place += 1
    return frames, place


def _of_users(frames: list[list[str]]) -> list[list[str]]:
    """The frames from the first one of a user's code on, but for ours; all, where we ended it."""
    owners = [_owner(frame[0]) for frame in frames]
    if "user" not in owners or owners[-1] == "ours":
        return frames
    first = owners.index("user")
    pairs = zip(frames[first:], owners[first:], strict=True)
    return [frame for frame, owner in pairs if owner != "ours"]


def _owner(line: str) -> str:
    """Whose code a frame is: ours, a library's or a user's."""
    match = _FRAME.match(line)
    file = match[1] if match else ""
    *_, inside = file.replace("\\", "/").rpartition("/lanewise/")
    # Also of a journal that was written on another machine.
    if inside != file and (_PACKAGE / inside).is_file():
        return "ours"
    libraries = ("/site-packages/", "/dist-packages/", "/lib/python3", "<frozen ")
    return "library" if any(name in file for name in libraries) else "user"
