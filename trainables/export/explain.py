"""Why a module cannot be exported, and where, in a line that a person can act on."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch

_INSTEAD = "; it can be promoted as a PyTorch bundle"
_LONGEST = 160  # characters of another library's words
_OPERATOR = re.compile(r"op='([\w.]+)'")
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_ONE_COUNT = (
    "its forward pass is for one number of rows: a loop over them, or a shape with a number"
)
_BRANCH = "what its forward pass does depends on the values of its input"


def untraced(error: BaseException) -> str:
    """Of what `torch.export` has raised."""
    why = _first_sentence(error)
    if "specialized it to be a constant" in str(error):
        why = _ONE_COUNT
    elif "data-dependent" in str(error):
        why = _BRANCH
    frames = [(f.filename, f.lineno or 0) for f in traceback.extract_tb(error.__traceback__)]
    return f"it cannot be exported{_where(frames)}: {why}{_INSTEAD}"


def unsupported(error: BaseException, exported: torch.export.ExportedProgram) -> str:
    """Of what `torch.onnx.export` has raised: an operator that ONNX lacks."""
    names = [name for one in _causes(error) for name in _OPERATOR.findall(str(one))]
    if not names:
        return f"it cannot be exported: {_first_sentence(list(_causes(error))[-1])}{_INSTEAD}"
    operator = names[-1]
    short = operator.rpartition(".")[2]
    traces = [
        node.meta.get("stack_trace") or ""
        for node in exported.graph.nodes
        if short in str(node.target)
    ]
    frames = [(file, int(line)) for file, line in _FRAME.findall(traces[0] if traces else "")]
    return f"it cannot be exported{_where(frames)}: ONNX has no {operator}{_INSTEAD}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _where(frames: list[tuple[str, int]]) -> str:
    """The last line outside of torch, as " (my.py:12)"."""
    ours = str(Path(__file__).parent)
    own = [(file, line) for file, line in frames if _is_own(file) and not file.startswith(ours)]
    return f" ({Path(own[-1][0]).name}:{own[-1][1]})" if own else ""


def _is_own(file: str) -> bool:
    return "/torch/" not in file and not file.startswith("<")


def _first_sentence(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    first = re.split(r"(?<=[^.])\. ", words)[0]
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1]}…"
