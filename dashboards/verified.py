"""Verified trials on a terminal: how they did in the sweep, and when they were trained again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from lanewise.dashboards import digits
from lanewise.dashboards.printing import pairs, say, table
from lanewise.dashboards.words import settings
from lanewise.search.store.view import View


def render_verified(
    console: Console,
    view: View,
    verified: Mapping[str, Any],
    chosen: int,
    test: Mapping[str, float],
) -> None:
    """The candidates best first, the one that is taken, and a smaller one that is as good.

    Args:
        verified: of `verify.Verified.to_json`.
        test: what the chosen one scores on the test part; empty without one.
    """
    metric, rows = view.spec.objective.metric, digits.rows_of(view.launch)
    trials = {each["trial"]: each for each in verified["trials"]}

    def shown(value: float | None) -> str:
        return "–" if value is None else digits.metric(metric, value, rows)

    heads = ["trial", "in the sweep", "again", "90 % interval", "parameters"]
    lines = []
    for each in trials.values():
        reach = "–" if each["low"] is None else f"{shown(each['low'])} … {shown(each['high'])}"
        size = "–" if each["parameters"] is None else f"{each['parameters']:,}"
        again = shown(each["score"]) if each["score"] is not None else "failed"
        lines.append([str(each["trial"]), shown(each["naive"]), again, reach, size])
    times = f"{verified['folds']} folds × {verified['seeds']} seeds"
    say(console, f"{metric} of the {len(trials)} best, trained again: {times}")
    table(console, heads, lines)
    one = trials[chosen]
    say(console, f"\nVerified best: trial {chosen}, epoch {one['epoch']}", bold=True)
    pairs(console, settings(one["params"]))
    if test:
        say(console, "\nOn the test part, which no trial saw", bold=True)
        pairs(console, ((name, digits.metric(name, value, rows)) for name, value in test.items()))
    others = [str(number) for number in verified["tied"] if number != chosen]
    if others:
        say(console, f"\nno telling apart from it: {', '.join(others)}")
    if told := _smaller(trials, verified["tied"], chosen, shown):
        say(console, told)


def _smaller(
    trials: Mapping[int, Mapping[str, Any]], tied: list[int], chosen: int, shown: Any
) -> str:
    """A smaller model that could be as good, and what it may cost; "" where there is none."""
    sizes = {n: trials[n]["parameters"] for n in tied if trials[n]["parameters"] is not None}
    if chosen not in sizes or sizes[chosen] <= min(sizes.values()):
        return ""
    number = min(sizes, key=lambda n: sizes[n])
    cost = abs(trials[chosen]["score"] - trials[number]["score"])
    share = sizes[number] / sizes[chosen]
    return (
        f"trial {number} has {share:.0%} of its parameters and is tied with it; it may cost about "
        f"{shown(cost)}: --prefer smaller takes it"
    )
