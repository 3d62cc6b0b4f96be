"""How long a trial and an epoch may take, and the alarm for code that never comes back."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lanewise import trainables

_OURS = str(Path(trainables.__file__).parent)


@dataclass(frozen=True)
class Limits:
    """In seconds; None for no limit.

    Attributes:
        trial: of a trial's own training, as far as its checkpoint goes back; waiting does not
            count. Looked at after each epoch.
        epoch: between two ends of epochs, or two reports of a training function.
    """

    trial: float | None = None
    epoch: float | None = None


NO_LIMITS = Limits()


@contextmanager
def alarm(path: Path, seconds: float | None) -> Iterator[None]:
    """Ends this process if the block takes longer, and leaves where each thread was in ``path``.

    The alarm is a thread of C's: it goes off even under code that never lets go of Python's lock,
    which no signal handler and no Python thread could do.
    """
    if seconds is None:
        yield
        return
    with path.open("w") as file:
        print(os.getpid(), file=file, flush=True)
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            path.unlink(missing_ok=True)


class PackAlarm:
    """An alarm around one turn of a pack after another.

    Args:
        path: of the note. Its first line names the process and, after it, the attempts
            (``number-attempt``) that train; below it stands where the threads were.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w")
        self._who: Sequence[str] | None = None

    @contextmanager
    def around(self, who: Sequence[str], seconds: float | None) -> Iterator[None]:
        """As ``alarm``; the note stays, and names those who trained last."""
        if who != self._who:
            self._file.seek(0)
            self._file.truncate()
            print(os.getpid(), *who, file=self._file, flush=True)
            self._who = who
        if seconds is None:
            yield
            return
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def close(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


def who_trained(path: Path) -> frozenset[tuple[int, int]]:
    """(number, attempt) of those in a pack worker's last turn; none where there is no note."""
    try:
        line, newline, _ = path.read_text(errors="replace").partition("\n")
        pairs = [who.split("-") for who in line.split()[1:]] if newline else []
        return frozenset((int(number), int(attempt)) for number, attempt in pairs)
    except (OSError, ValueError):
        return frozenset()


def process_of(path: Path) -> int | None:
    """The process whose alarm is set, or was when it ended; None if none is."""
    try:
        return int(path.read_text(errors="replace").partition("\n")[0].split()[0])
    except (OSError, ValueError, IndexError):
        return None


def where_it_hung(path: Path) -> str | None:
    """What an alarm left: the calls of the thread that trained; None if it did not go off."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return None
    path.unlink(missing_ok=True)
    _process, _time, *lines = *text.split("\n"), "", ""
    # The newest thread comes first: that of a training function before the one that waits for it.
    threads = "\n".join(lines).strip().split("\n\n")
    return next((_within(thread) for thread in threads if _OURS in thread), threads[0]) or None


def _within(thread: str) -> str:
    """A thread's calls from the innermost to the one that let the trial train."""
    lines = thread.split("\n")
    outermost = max(place for place, line in enumerate(lines) if _OURS in line)
    return "\n".join(lines[: outermost + 1])


def hang_message(limits: Limits, where: str) -> str:
    """For people: where it was, and in the last line, as of a traceback, what happened."""
    innermost = next((line.strip() for line in where.split("\n") if "File" in line), "unknown code")
    return (
        f"The worker process was ended here:\n\n{where}\n\n"
        f"No epoch was finished and nothing was reported within {limits.epoch:g} s: it hung at "
        f"{innermost}. If it only takes long: limits: {{epoch: 6h}}, or null for no limit."
    )


def timeout_message(limits: Limits, epoch: int) -> str:
    """For people: what happened, what is kept, and what to do."""
    return (
        f"The trial has trained for {limits.trial:g} s, its limit, and ended after epoch {epoch}; "
        "what it reported counts. To let trials train for longer: limits: {trial: 2h}."
    )
