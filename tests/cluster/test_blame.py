"""Who is to blame for a worker's end, from the note it left and from what Ray says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanewise.cluster.blame import end_alone, ends_of_pack, ends_together
from lanewise.cluster.limits import Limits
from lanewise.search.control.executor import Outcome
from lanewise.search.core.sweep import Run

LIMITS = Limits(epoch=60)
GONE = "the process has ended"
LOW = "2 worker(s) were killed due to the node running low on memory."
TRAINING = "Thread 1:\n  File trainables/packs/pool.py in turn\n"


def run(number: int) -> Run:
    return Run(number, {}, 0, 1, 0, 1)


def low(*killed: tuple[int, float]) -> str:
    return LOW + "".join(f" pid={pid}, actual memory used={size}GB," for pid, size in killed)


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [outcome.failure.kind for outcome in outcomes if outcome.failure]


@pytest.mark.parametrize(
    ("note", "text", "kind"),
    [
        ("9 0-1 1-1\n", GONE, "node_lost"),
        ("9 0-1 1-1\n", LOW, "out_of_memory"),
        ("9 0-1 1-1\n", low((9, 5.0), (8, 2.0)), "out_of_memory"),
        ("9 0-1 1-1\n", low((9, 5.0), (8, 7.0)), "preempted"),
        (f"9 0-1 1-1\nTimeout!\n{TRAINING}", GONE, "hang"),
        (f"9 0-1 1-1\nTimeout!\n{TRAINING}", LOW, "hang"),
    ],
)
def test_who_trained_last_in_a_pack_is_to_blame(
    note: str, text: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "note"
    path.write_text(note)
    outcomes = ends_of_pack([run(n) for n in range(4)], path, text, LIMITS)
    assert kinds(outcomes) == [kind, kind, "preempted", "preempted"]
    assert not path.exists()


def test_where_no_note_says_who_trained_all_of_a_pack_are_suspects(tmp_path: Path) -> None:
    outcomes = ends_of_pack([run(0), run(1)], tmp_path / "none", GONE, LIMITS)
    assert kinds(outcomes) == ["node_lost", "node_lost"]


def test_a_node_that_was_taken_away_is_nobodys_fault(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text("9 0-1\n")
    ends = ends_of_pack([run(0), run(1)], note, GONE, LIMITS, is_preempted=True)
    assert kinds(ends) == ["preempted", "preempted"]
    assert kinds([end_alone(run(0), note, GONE, LIMITS, is_preempted=True)]) == ["preempted"]


def test_one_that_trained_alone_hung_or_was_lost(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text(f"9\nTimeout!\n{TRAINING}")
    hung = end_alone(run(0), note, GONE, LIMITS, is_preempted=False)
    assert hung.failure is not None
    assert hung.failure.kind == "hang"
    assert "nothing was reported within 60 s" in hung.failure.message
    assert kinds([end_alone(run(0), note, GONE, LIMITS, is_preempted=False)]) == ["node_lost"]
    assert kinds([end_alone(run(0), note, LOW, LIMITS, is_preempted=False)]) == ["out_of_memory"]


def test_of_those_that_low_memory_ended_together_the_largest_is_to_blame(tmp_path: Path) -> None:
    def ends(text: str, *processes: int) -> list[str]:
        notes = {tmp_path / str(number): run(number) for number in range(len(processes))}
        for note, process in zip(notes, processes, strict=True):
            if process:
                note.write_text(f"{process}\n")
        found = kinds(ends_together(notes, text, LIMITS))
        assert not any(note.exists() for note in notes)
        return found

    text = low((30, 0.5), (31, 12.0))
    assert ends(text, 30, 31, 32) == ["preempted", "out_of_memory", "preempted"]
    assert ends(text, 31, 0) == ["out_of_memory", "preempted"]
    assert ends(text, 30, 0) == ["out_of_memory", "out_of_memory"]  # each may have been
    assert ends(LOW, 30, 31) == ["out_of_memory", "out_of_memory"]
