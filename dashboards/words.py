"""Numbers, durations and configurations as people read them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from lanewise.search.core.history import Trial
from lanewise.search.core.states import FAILED, STOPPED


def number(value: object, digits: int = 6) -> str:
    """That many significant digits; whatever is not a fraction as it is."""
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return value if isinstance(value, str) else json.dumps(value)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def settings(
    params: Mapping[str, Any], prefix: str = "", digits: int = 6
) -> Iterator[tuple[str, str]]:
    """(dotted name, value) for every setting; a list of values stays one: ``hidden [32, 64]``."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            inner = dict(value)
            if "name" in inner:
                yield f"{prefix}{key}", number(inner.pop("name"), digits)
            yield from settings(inner, f"{prefix}{key}.", digits)
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", "[" + ", ".join(number(item, digits) for item in value) + "]"
        else:
            yield f"{prefix}{key}", number(value, digits)


def one_line(params: Mapping[str, Any], without: Collection[str] = ()) -> str:
    """A configuration in one line: ``lr 0.01 · hidden [32, 64] · optimizer sgd``.

    Args:
        without: names that are left out, such as those of constants.
    """
    pairs = settings(params, digits=4)
    return " · ".join(f"{name} {value}" for name, value in pairs if name not in without)


def ending(trial: Trial) -> str:
    """How a trial ended, or what it does: ``stopped: rung 9``, ``failed: bug``, ``paused``."""
    if trial.status == STOPPED:
        return f"stopped: {trial.reason}"
    if trial.status == FAILED:
        return f"failed: {trial.failures[-1].kind}"
    return trial.status


def segments(trial: Trial) -> list[str]:
    """``from epoch 4 on with the weights of trial 2: lr 0.03``, for each time that it was given
    others' weights.
    """
    told = []
    for before, after in pairwise(trial.segments):
        old = dict(settings(before.params, digits=4))
        new = settings(after.params, digits=4)
        changed = ", ".join(f"{name} {value}" for name, value in new if old.get(name) != value)
        whose = f"from epoch {after.epoch + 1} on with the weights of trial {after.source}"
        told.append(f"{whose}: {changed}" if changed else whose)
    return told


def kind_in_words(kind: str) -> str:
    """``out of memory``, ``bug``: a kind of failure as people say it."""
    return kind.replace("_", " ")


def last_line(text: str) -> str:
    """The last line that is not blank: of a traceback, what was raised."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def rate(per_minute: float) -> str:
    """``0.52``, ``12.4``, ``2,470``: three digits, none behind the point from a hundred on."""
    return f"{per_minute:,.0f}" if per_minute >= 100 else f"{per_minute:.3g}"


def numbered(numbers: Sequence[int], most: int = 8) -> str:
    """``trial 4``, ``trials 4, 7, 9``, ``trials 4, 7, 9, … (120 in all)``."""
    shown = ", ".join(map(str, numbers[:most]))
    more = f", … ({len(numbers)} in all)" if len(numbers) > most else ""
    return f"trial{'s' if len(numbers) != 1 else ''} {shown}{more}"


def counted(trials: Mapping[str, int]) -> str:
    """``40 trials: 12 completed, 25 stopped early, 3 failed``; what is zero is left out."""
    named = {"completed": "completed", "stopped": "stopped early", "failed": "failed"}
    named |= {"cancelled": "cancelled", "paused": "paused"}
    parts = [f"{trials[key]} {word}" for key, word in named.items() if trials.get(key)]
    open_ = trials["asked"] - sum(trials.get(key, 0) for key in named)
    parts += [f"{open_} open"] if open_ else []
    noun = "trial" if trials["asked"] == 1 else "trials"
    return f"{trials['asked']} {noun}" + (f": {', '.join(parts)}" if parts else "")
