"""A running sweep as lines for a terminal of a given size: what ``run`` shows of it in a few
lines, and ``watch`` on a whole screen. No line is wider or wraps, whatever users call things.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lanewise.dashboards.feed import OPEN, Feed, Snapshot
from lanewise.dashboards.plot import plot
from lanewise.dashboards.words import duration, ending, last_line, number, one_line, settings
from lanewise.search.history import Trial

NAME = 9  # columns of the names at the left
ROOMY = 20  # lines of a screen that has notes, too
FAST = 120.0  # trials a minute that are told by the second
BAR = 30  # columns of the bar, at most
STYLES = {"running": "green", "done": "green", "failed": "red"}
PLAIN = "yellow"  # starting, resuming, interrupted


@dataclass(frozen=True)
class Setting:
    """What a screen says of the sweep's surroundings.

    Attributes:
        status: running, starting, resuming, interrupted, done or failed.
        where: the executor and its host.
        notes: lines for the foot: what MLflow lacks, how to go on.
    """

    status: str
    where: str
    notes: Sequence[str]


def header(feed: Feed, snapshot: Snapshot, width: int) -> list[Text]:
    """Budget, trials, rate and best so far, a line each; the best's configuration may take two."""
    lines = [_clock(snapshot, width), _named("trials", in_states(snapshot))]
    if rates := rates_of(snapshot):
        lines.append(_named("rate", rates))
    best = feed.view.history.best
    if best is not None:
        lines.append(_named("best", snapshot.best, "bold"))
        lines += [
            _named("", part)
            for part in _folded(list(settings(best.params, digits=4)), width - NAME)
        ]
    return [_fitted(line, width) for line in lines]


def screen(feed: Feed, snapshot: Snapshot, setting: Setting, width: int, height: int) -> list[Text]:
    """A whole screen; what matters least is left out where it is small."""
    title = Text().append(f"{feed.view.launch.name} ", style="bold")
    title.append(f" {setting.status} ", style=f"reverse {STYLES.get(setting.status, PLAIN)}")
    title.append(f"  {setting.where}", style="dim")
    top = [title, *header(feed, snapshot, width)]
    notes = feed.view.history.notes if height >= ROOMY else {}
    foot = [_named(f"{topic[: NAME - 1]:{NAME}}", text) for topic, text in notes.items()]
    foot += [*_failures(feed), *(_named("", note, "dim") for note in setting.notes)]
    left = height - len(top) - len(foot) - 1
    middle: list[Text] = []
    if tall := 5 if left >= 20 else 3 if left >= 12 else 0:
        middle += _history(feed, width, tall)
    middle += _tables(feed, snapshot, left - len(middle))
    return [_fitted(line, width) for line in [*top, *middle, Text(), *foot]][:height]


def in_states(snapshot: Snapshot) -> str:
    """``4 running, 20 completed``; what is zero is left out."""
    parts = [f"{count} {name}" for name, count in snapshot.counts.items() if count]
    lanes = f" · {snapshot.lanes} lanes in use" if snapshot.lanes else ""
    return (", ".join(parts) or "none yet") + lanes


def rates_of(snapshot: Snapshot) -> str:
    """``12 trials/min · 3.4 epochs/s``, ``41.2 trials/s · 160 epochs/s``; empty without any."""
    parts, trials = [], snapshot.trials_per_minute
    if trials:
        fast = trials >= FAST
        parts.append(f"{trials / 60:.3g} trials/s" if fast else f"{trials:.3g} trials/min")
    if snapshot.epochs_per_second:
        parts.append(f"{snapshot.epochs_per_second:.3g} epochs/s")
    return " · ".join(parts)


# -- parts ---------------------------------------------------------------------------------------


def _clock(snapshot: Snapshot, width: int) -> Text:
    text = _named("time", "")
    if snapshot.done is not None:
        bar = min(BAR, width // 4)
        full = math.floor(snapshot.done * bar)
        text.append("━" * full, style="cyan").append("━" * (bar - full), style="grey37")
        text.append(f" {snapshot.done:.0%} · ")
    text.append(duration(snapshot.elapsed))
    if snapshot.left is not None:
        text.append(f" · about {duration(snapshot.left)} left")
    return text


def _history(feed: Feed, width: int, height: int) -> list[Text]:
    if not feed.path:
        return []
    points = [(float(n), trial.best[1]) for n, trial in enumerate(feed.ended) if trial.best]
    mode = feed.view.spec.objective.mode
    metric = feed.view.spec.objective.metric
    head = _named("history", f"{metric} of each trial by its end, and the best so far")
    return [Text(), head, *plot(points, feed.path, mode, width, height)]


def _tables(feed: Feed, snapshot: Snapshot, height: int) -> list[Text]:
    """The trials under way, then the last ones that ended; each with a gap and a head."""
    room = height - 4  # two gaps, two heads
    if room < 1:
        return []
    ended = min(len(feed.ended), max(room // 2, room - len(feed.view.history.running)))
    lines = _open(feed, snapshot, room - ended)
    return lines + _ended(feed, min(len(feed.ended), height - len(lines) - 2))


def _open(feed: Feed, snapshot: Snapshot, most: int) -> list[Text]:
    running = feed.view.history.running
    if not running:
        return []
    metric, last = feed.view.spec.objective.metric, feed.view.spec.budget.epochs
    shown = running if len(running) <= most else running[: max(0, most - 1)]
    rows = [("trial", "epoch", "for", metric, "configuration")]
    for trial in shown:
        latest = number(trial.rows[-1][1][metric], 4) if trial.rows else "–"
        again = f", attempt {trial.attempt}" if trial.attempt > 1 else ""
        until = f"{trial.epoch} of {last}, next {trial.until}{again}"
        for_ = duration(snapshot.at - feed.since[trial.number])
        rows.append((str(trial.number), until, for_, latest, _config(feed, trial)))
    lines = _columns("running" if snapshot.is_live else OPEN, rows)
    if rest := len(running) - len(shown):
        lines.append(Text(f"{'':{NAME}}and {rest} more", style="dim"))
    return lines


def _ended(feed: Feed, most: int) -> list[Text]:
    if not feed.ended or most < 1:
        return []
    metric = feed.view.spec.objective.metric
    rows = [("trial", "epoch", "ended", metric, "configuration")]
    for trial in reversed(feed.ended[-most:]):
        best = number(trial.best[1], 4) if trial.best else "–"
        rows.append(
            (str(trial.number), str(trial.epoch), ending(trial), best, _config(feed, trial))
        )
    return _columns("ended", rows)


def _failures(feed: Feed) -> list[Text]:
    if feed.newest is None:
        return []
    counts = ", ".join(f"{count} {kind}" for kind, count in feed.failures.most_common())
    trial, failure = feed.newest
    newest = f"trial {trial}: {last_line(failure.message) or failure.kind}"
    return [_named("failures", counts, "red"), _named("", newest)]


def _config(feed: Feed, trial: Trial) -> str:
    same = feed.same if feed.same and len(feed.view.history) > 1 else {}
    return one_line(trial.params, same)


# -- lines ---------------------------------------------------------------------------------------


def _named(name: str, words: str, style: str = "") -> Text:
    return Text().append(f"{name:{NAME}}", style="dim").append(_plain(words), style=style)


def _columns(name: str, rows: Sequence[Sequence[str]]) -> list[Text]:
    """A gap, then rows in columns as wide as their widest cell, the first row as the head."""
    rows = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [Text()]
    for place, row in enumerate(rows):
        cells = (set_cell_size(cell, wide) for cell, wide in zip(row, widths, strict=True))
        words = "  ".join(cells).rstrip()
        lines.append(_named("", words) if place else _named(name, words, "dim"))
    return lines


def _folded(pairs: Iterable[tuple[str, str]], width: int, most: int = 2) -> list[str]:
    """A configuration in at most so many lines, broken between its settings."""
    lines = [""]
    for name, value in pairs:
        part = f"{name} {value}"
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if cell_len(joined) <= width or not lines[-1]:
            lines[-1] = joined
        elif len(lines) < most:
            lines.append(part)
        else:
            lines[-1] += " · …"
            break
    return lines


def _plain(text: str) -> str:
    """Without what would steer a terminal or break a line."""
    return "".join(char if char.isprintable() else " " for char in text)


def _fitted(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    return line
