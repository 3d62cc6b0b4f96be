"""Checkpoints stay within their limit, and the best ones stay longest."""

from __future__ import annotations

from pathlib import Path

from lanewise.cluster.checkpoints import Checkpoints, Storage
from lanewise.search.core.events import Asked, Continue, Reported, Stop
from lanewise.search.core.history import History
from lanewise.search.core.spec import Objective


def ended(values: list[float]) -> History:
    history = History((Objective("score", "max"),))
    for number, value in enumerate(values):
        history.apply(Asked(number, {"x": value}, 9))
        history.apply(Reported(number, ((1, {"score": value}),), Stop("rung 1")))
    return history


def write(storage: Storage, number: int, size: int) -> None:
    storage.path(number).write_bytes(b"x" * size)


def test_the_worst_go_first_and_the_best_never(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    history = ended([0.1, 0.9, 0.5, 0.3])
    for number in range(4):
        write(storage, number, 100)
    Checkpoints(storage, limit=250).settle(history, [0, 1, 2, 3])
    assert [storage.path(n).exists() for n in range(4)] == [False, True, True, False]
    Checkpoints(storage, limit=0).settle(history, [1, 2])
    assert [storage.path(n).exists() for n in range(4)] == [False, True, False, False]


def test_the_limit_holds_over_sessions(tmp_path: Path) -> None:
    """Three trials have ended before the sweep was left; the fourth ends after it is resumed."""
    storage = Storage(str(tmp_path), 300)
    first = ended([0.1, 0.9, 0.5])
    for number in range(3):
        write(storage, number, 100)
    Checkpoints(storage, limit=350).settle(first, [0, 1, 2])
    again = ended([0.1, 0.9, 0.5, 0.7])
    write(storage, 3, 100)
    kept = Checkpoints(storage, limit=350)
    kept.settle(again, [3])
    assert [storage.path(n).exists() for n in range(4)] == [False, True, True, True]
    again = ended([0.1, 0.9, 0.5, 0.7, 0.2])
    write(storage, 4, 100)
    kept.settle(again, [4])
    assert [storage.path(n).exists() for n in range(5)] == [False, True, True, True, False]


def test_a_lower_limit_holds_for_what_earlier_sessions_left(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    history = ended([0.1, 0.9, 0.5, 0.3])
    for number in range(4):
        write(storage, number, 100)
    Checkpoints(storage, limit=100).settle(history, [3])
    assert [storage.path(n).exists() for n in range(4)] == [False, True, False, False]


def test_open_trials_keep_theirs(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    history = ended([0.9])
    history.apply(Asked(1, {"x": 0.0}, 9))
    history.apply(Reported(1, ((1, {"score": 0.0}),), Continue(9)))
    for number in range(2):
        write(storage, number, 100)
    Checkpoints(storage, limit=0).settle(history, [0, 1])
    assert storage.path(1).exists()


def test_a_folder_and_rescued_weights_go_as_a_whole(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    history = ended([0.1, 0.9])
    storage.path(0).mkdir()
    (storage.path(0) / "weights").write_bytes(b"x" * 100)
    storage.rescued(0).write_bytes(b"x" * 100)
    Checkpoints(storage, limit=150).settle(history, [0, 1])
    assert not storage.path(0).exists()
    assert not storage.rescued(0).exists()
