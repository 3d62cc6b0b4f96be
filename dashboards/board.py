"""A running sweep as lines for a terminal of a given size: what ``run`` shows of it in a few
lines, and ``watch`` on a whole screen. No line is wider or wraps, whatever users call things.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lanewise.dashboards import digits
from lanewise.dashboards.feed import OPEN, Feed, Snapshot
from lanewise.dashboards.phases import IN_TRAINING, Phase
from lanewise.dashboards.plot import plot
from lanewise.dashboards.words import duration, ending, last_line, one_line, rate, settings
from lanewise.search.core.history import Trial

NAME = 9  # columns of the names at the left
ROOMY = 20  # lines of a screen that has notes, too
BAR = 30  # columns of the bar, at most
LEAST_LEFT = 1.0  # seconds; with less, what is left is no longer told
STYLES = {"running": "green", "done": "green", "failed": "red"}
PLAIN = "yellow"  # starting, resuming, interrupted


@dataclass(frozen=True)
class Setting:
    """What a screen says of the sweep's surroundings.

    Attributes:
        status: running, starting, resuming, interrupted, done or failed.
        where: the executor and its host.
        notes: lines for the foot: what MLflow lacks, how to go on.
        phase: what it does just now.
    """

    status: str
    where: str
    notes: Sequence[str]
    phase: Phase = IN_TRAINING


def header(feed: Feed, snapshot: Snapshot, width: int, phase: Phase | None = None) -> list[Text]:
    """Budget, trials, rate and best so far, a line each; the best's configuration may take two.

    Args:
        phase: said in a line of its own, if given.
    """
    is_training = phase is None or phase.is_training
    lines = [named("now", str(phase))] if phase else []
    lines += [_clock(snapshot, width, is_training), named("trials", in_states(snapshot))]
    if is_training and (rates := rates_of(snapshot)):
        lines.append(named("rate", rates))
    best = feed.view.history.best
    if best is not None:
        lines.append(named("best", snapshot.best, "bold"))
        config = list(settings(best.best_params, digits=4))
        lines += [named("", part) for part in _folded(config, width - NAME)]
    return [_fitted(line, width) for line in lines]


def screen(feed: Feed, snapshot: Snapshot, setting: Setting, width: int, height: int) -> list[Text]:
    """A whole screen; what matters least is left out where it is small."""
    title = Text().append(f"{feed.view.launch.name} ", style="bold")
    title.append(f" {setting.status} ", style=f"reverse {STYLES.get(setting.status, PLAIN)}")
    doing = "" if setting.phase.is_training else f" · {setting.phase}"
    title.append(f"  {setting.where}{doing}", style="dim")
    top = [title, *header(feed, snapshot, width)]
    notes = feed.view.history.notes if height >= ROOMY else {}
    foot = [named(f"{topic[: NAME - 1]:{NAME}}", text) for topic, text in notes.items()]
    foot += [*_failures(feed), *(named("", note, "dim") for note in setting.notes)]
    left = height - len(top) - len(foot) - 1
    middle: list[Text] = []
    if tall := 5 if left >= 20 else 3 if left >= 12 else 0:
        middle += _history(feed, width, tall)
    middle += _tables(feed, snapshot, left - len(middle))
    return [_fitted(line, width) for line in [*top, *middle, Text(), *foot]][:height]


def in_states(snapshot: Snapshot) -> str:
    """``4 running, 20 completed``; what is zero is left out."""
    parts = [f"{count} {name}" for name, count in snapshot.counts.items() if count]
    noun = "lane" if snapshot.lanes == 1 else "lanes"
    lanes = f" · {snapshot.lanes} {noun} in use" if snapshot.lanes else ""
    return (", ".join(parts) or "none yet") + lanes


def rates_of(snapshot: Snapshot) -> str:
    """``12 trials/min · 204 epochs/min``, always by the minute; empty without any."""
    parts = []
    if snapshot.trials_per_minute:
        parts.append(f"{rate(snapshot.trials_per_minute)} trials/min")
    if snapshot.epochs_per_minute:
        parts.append(f"{rate(snapshot.epochs_per_minute)} epochs/min")
    return " · ".join(parts)


def left_of(snapshot: Snapshot) -> str:
    """``about 12 s left``; empty where there is no telling, or next to nothing is left."""
    is_told = snapshot.left is not None and snapshot.left >= LEAST_LEFT
    return f"about {duration(snapshot.left or 0.0)} left" if is_told else ""


# -- parts ---------------------------------------------------------------------------------------


def _clock(snapshot: Snapshot, width: int, is_training: bool) -> Text:
    text = named("time", "")
    if snapshot.done is not None:
        bar = min(BAR, width // 4)
        full = math.floor(snapshot.done * bar)
        text.append("━" * full, style="cyan").append("━" * (bar - full), style="grey37")
        text.append(f" {snapshot.done:.0%} · ")
    text.append(duration(snapshot.elapsed))
    if is_training and (left := left_of(snapshot)):
        text.append(f" · {left}")
    return text


def _history(feed: Feed, width: int, height: int) -> list[Text]:
    if not feed.path:
        return []
    points = [(float(n), trial.best[1]) for n, trial in enumerate(feed.ended) if trial.best]
    mode = feed.view.spec.objective.mode
    metric = feed.view.spec.objective.metric
    head = named("history", f"{metric} of each trial by its end, and the best so far")
    shown = partial(digits.metric, metric, rows=feed.rows)
    return [Text(), head, *plot(points, feed.path, mode, width, height, shown)]


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
        latest = digits.metric(metric, trial.rows[-1][1][metric], feed.rows) if trial.rows else "–"
        again = f", attempt {trial.attempt}" if trial.attempt > 1 else ""
        following = "" if trial.until >= last else f", next {trial.until}"
        until = f"{trial.epoch} of {last}{following}{again}"
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
        best = digits.metric(metric, trial.best[1], feed.rows) if trial.best else "–"
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
    return [named("failures", counts, "red"), named("", newest)]


def _config(feed: Feed, trial: Trial) -> str:
    same = feed.same if feed.same and len(feed.view.history) > 1 else {}
    return one_line(trial.params, same)


# -- lines ---------------------------------------------------------------------------------------


def named(name: str, words: str, style: str = "") -> Text:
    """A line with its name in the column at the left."""
    return Text().append(f"{name:{NAME}}", style="dim").append(_plain(words), style=style)


def _columns(name: str, rows: Sequence[Sequence[str]]) -> list[Text]:
    """A gap, then rows in columns as wide as their widest cell, the first row as the head."""
    rows = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [Text()]
    for place, row in enumerate(rows):
        cells = (set_cell_size(cell, wide) for cell, wide in zip(row, widths, strict=True))
        words = "  ".join(cells).rstrip()
        lines.append(named("", words) if place else named(name, words, "dim"))
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
