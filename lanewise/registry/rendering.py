"""Promotions and registered models on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from lanewise.dashboards.digits import metric, rows_of
from lanewise.dashboards.printing import say, table
from lanewise.registry.card import variant_table
from lanewise.registry.limits import size
from lanewise.registry.promotion import Promotion

if TYPE_CHECKING:
    from lanewise.registry.store import Version

HEADS = ("model", "version", "aliases", "metric", "variant", "size", "sweep", "made")


def render_promotion(console: Console, done: Promotion, command: Callable[..., str]) -> None:
    """The variants, which one ships, and what to type next.

    Args:
        command: makes one of our commands as it can be typed here.
    """
    view, measured, request = done.view, done.measured, done.request
    if measured.variants:
        heads, rows = variant_table(measured.variants, measured.metric, rows_of(view.launch))
        table(console, ("", *heads), [(_mark(row[0], measured.chosen), *row) for row in rows])
        say(console, "")
    if done.evaluation is not None:
        found = done.evaluation.metrics.items()
        shown = ", ".join(f"{name} {metric(name, v, rows_of(view.launch))}" for name, v in found)
        say(console, f"on the {done.evaluation.rows} rows of the test part: {shown}")
    ships = f"{measured.chosen}, {size(len(measured.network or b''))}"
    what = "a PyTorch bundle" if measured.unexported else ships
    if done.version is None:
        say(console, f"{what} would be registered as {request.name}@{request.alias} (--dry-run)")
        return
    name = f"{request.name}@{request.alias}"
    say(console, f"{name} is version {done.version.number} now: {what}", bold=True)
    say(console, f"  serve     {command('serve', name)}")
    say(console, f"  predict   {command('predict', name, 'DATA.csv')}")


def _mark(name: str, chosen: str) -> str:
    return "→" if name == chosen else ""


def render_versions(console: Console, versions: Sequence[Version]) -> None:
    """The table of ``models``."""
    table(console, HEADS, [_row(version) for version in versions])


def _row(version: Version) -> tuple[str, ...]:
    told = to_json(version)
    value = "–"
    if told["metric"]:
        rows = {told["metric"].partition("_")[0]: int(version.tags.get("lanewise.digits", 0))}
        value = f"{told['metric']} {metric(told['metric'], told['value'], rows)}"
    return (
        version.name,
        str(version.number),
        ", ".join(version.aliases),
        value,
        told["variant"] or "–",
        size(told["size"]) if told["size"] else "–",
        told["sweep"] or "–",
        time.strftime("%Y-%m-%d %H:%M", time.localtime(version.created)),
    )


def to_json(version: Version) -> dict[str, Any]:
    """A version as ``models --json`` prints it; null for what is not known of others' models."""
    tags = version.tags

    def told(key: str, as_type: Callable[[str], Any] = str) -> Any:
        text = tags.get(f"lanewise.{key}")
        return None if text is None else as_type(text)

    return {
        "name": version.name,
        "version": version.number,
        "aliases": list(version.aliases),
        "metric": told("metric"),
        "value": told("value", float),
        "variant": told("variant"),
        "size": told("size", int),
        "task": told("task"),
        "trained_on": told("trained_on"),
        "sweep": told("sweep"),
        "trial": told("trial", int),
        "data": told("data"),
        "created": round(version.created, 3),
    }
