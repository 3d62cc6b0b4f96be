"""Who is to blame for a worker process that is gone, and so as what its attempts fail.

A worker leaves a note (``limits``) that names its process, which attempts it trained last, and
where it was when it ended itself for having hung. Of all others' ends Ray tells a text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from lanewise.cluster.limits import Limits, hang_message, process_of, where_it_hung, who_trained
from lanewise.cluster.memory import is_low_memory, largest_process
from lanewise.search.control.executor import Outcome
from lanewise.search.core.events import Failure
from lanewise.search.core.sweep import Run


def failure_of(
    text: str,
    limits: Limits,
    *,
    hung_at: str | None = None,
    process: int | None = None,
    is_preempted: bool = False,
) -> Failure:
    """As what those fail who trained in a worker when it ended.

    Args:
        text: what Ray says of its end.
        hung_at: where it was when it ended itself for having hung.
        process: the worker's, if it is known.
        is_preempted: whether Ray says that its node was taken away.
    """
    if hung_at is not None:
        return Failure("hang", hang_message(limits, hung_at))
    if is_low_memory(text):
        # The monitor may end several workers at once, for what one of them held.
        is_innocent = process is not None and largest_process(text) not in (None, process)
        return Failure("preempted" if is_innocent else "out_of_memory", text)
    return Failure("preempted" if is_preempted else "node_lost", text)


def ends_of_pack(
    runs: Iterable[Run], note: Path, text: str, limits: Limits, *, is_preempted: bool = False
) -> list[Outcome]:
    """What became of a pack worker's attempts: those that trained last are to blame, if any is.

    The note is removed.
    """
    suspects, process = who_trained(note), process_of(note)
    failure = failure_of(
        text,
        limits,
        hung_at=where_it_hung(note),
        process=process,
        is_preempted=is_preempted,
    )
    note.unlink(missing_ok=True)
    innocent = Failure("preempted", text)
    return [
        _outcome(run, innocent if suspects and not _is_among(run, suspects) else failure)
        for run in runs
    ]


def end_alone(run: Run, note: Path, text: str, limits: Limits, *, is_preempted: bool) -> Outcome:
    """What became of the attempt of a worker that trained it alone. The note is removed."""
    where = where_it_hung(note)
    return _outcome(run, failure_of(text, limits, hung_at=where, is_preempted=is_preempted))


def ends_together(notes: Mapping[Path, Run], text: str, limits: Limits) -> list[Outcome]:
    """What became of attempts, each in a worker of its own, that Ray ended for low memory at once.

    The notes are removed. Where no attempt is known to be the one that needs too much, each may
    have been.
    """
    processes = {note: process_of(note) for note in notes}
    is_known = largest_process(text) in set(processes.values()) - {None}
    outcomes = []
    for note, run in notes.items():
        note.unlink(missing_ok=True)
        process = (processes[note] or 0) if is_known else None
        outcomes.append(_outcome(run, failure_of(text, limits, process=process)))
    return outcomes


def _is_among(run: Run, suspects: Collection[tuple[int, int]]) -> bool:
    return (run.number, run.attempt) in suspects


def _outcome(run: Run, failure: Failure) -> Outcome:
    return Outcome(run.number, run.attempt, failure=failure)
