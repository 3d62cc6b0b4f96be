"""A broken record costs its own sweep a clear line, and no other sweep anything."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lanewise.cli import run
from lanewise.dashboards import watch
from lanewise.search.control.simulate import simulate
from lanewise.search.core import events as ev
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.home import Home
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

SPEC = Spec(
    Space({"x": Float(0, 1)}), (Objective("score", "max"),), Budget(3, 4), sampler=Plugin("random")
)
BROKEN = {
    "the first record": ("UPDATE events SET crc = crc + 1 WHERE sweep = ? AND seq = 0", 0),
    "no first record": ("DELETE FROM events WHERE sweep = ? AND seq = 0", 0),
    "one in the middle": ("UPDATE events SET body = '{' WHERE sweep = ? AND seq = 3", 3),
    "its time": ("UPDATE events SET at = at - 1e6 WHERE sweep = ? AND seq = 3", 3),
    "no text": ("UPDATE events SET body = CAST(x'ff00' AS TEXT) WHERE sweep = ? AND seq = 3", 3),
    "one that is missing": ("DELETE FROM events WHERE sweep = ? AND seq = 3", 3),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Three finished sweeps, the newest of which the tests break."""
    home = Home(tmp_path / "home")
    monkeypatch.setenv("LANEWISE_HOME", str(home.root))
    with closing(home.journal(create=True)) as journal:
        for name in ("one", "two", "three"):
            sweep = make_sweep(SPEC)
            sweep.opened("inline", "asked for", {})
            events = simulate(sweep, lambda params, epoch: {"score": params["x"] * epoch})
            details = {"sweep_file": {}, "mlflow": {"tracking_uri": None}, "data": None}
            launched = ev.Launched(f"{name}-1", name, SPEC.to_json(), details)
            journal.append(launched.sweep, -1, [launched, *events])
    return home


def forget_a_trial(home: Home) -> None:
    """All checksums are right, and yet it cannot have happened: a report of no trial."""
    with closing(home.journal()) as journal:
        journal.truncate("three-1", 2)
        journal.append("three-1", 2, [ev.Completed(7), ev.Lost(8)])


COMMANDS = [
    ["show", "{}"],
    ["show", "{}", "--json"],
    ["show", "{}", "--trial", "1"],
    ["best", "{}", "--json"],
    ["watch", "{}", "--json"],
    ["stop", "{}"],
]


def said(capsys: pytest.CaptureFixture[str], words: list[str], sweep: str) -> tuple[int, str, str]:
    code = run([word.format(sweep) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize("what", [*BROKEN, "a report of no trial"])
def test_every_command_goes_on_with_the_other_sweeps(
    what: str, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "DRAINING", 0.0)  # nobody brings these to MLflow
    # To stop what is done would, in another process: seconds, so in one case only.
    commands = COMMANDS if what == "one in the middle" else COMMANDS[:-1]
    before = [said(capsys, words, "two") for words in commands]
    assert {code for code, *_ in before} == {0}
    listed = json.loads(said(capsys, ["ls", "--json"], "")[1])
    if what in BROKEN:
        command, seq = BROKEN[what]
        with closing(sqlite3.connect(home.root / "journal.db")) as connection, connection:
            connection.execute(command, ("three-1",))
    else:
        forget_a_trial(home)
        seq = 3
    line = f"{home.root / 'journal.db'}: record {seq} of sweep three-1 "
    assert [said(capsys, words, "two") for words in commands] == before

    code, out, _ = said(capsys, ["ls", "--json"], "")
    *others, broken = json.loads(out)
    assert code == 0
    assert others == listed[:-1]
    assert (broken["sweep"], broken["status"]) == ("three-1", "broken")
    assert broken["error"].startswith(line)
    code, out, _ = said(capsys, ["ls"], "")
    assert code == 0
    assert out.count("one-1") == out.count("two-1") == 1
    assert line in out

    for words in COMMANDS:  # the broken one: one line, and the exit code of storage
        code, out, err = said(capsys, words, "three-1")
        assert code == 4, words
        assert out == ""
        assert err.startswith(f"lanewise: {line}")
        assert err.count("\n") == 1


def test_a_broken_namesake_is_in_no_launchs_way(home: Home) -> None:
    from lanewise.launch import _refuse_namesake

    forget_a_trial(home)
    with closing(home.journal()) as journal:
        _refuse_namesake(home, journal, "three")
