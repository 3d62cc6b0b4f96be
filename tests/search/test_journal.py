"""The journal: what was appended is read, whoever is killed and whatever is broken.

Random tests are derandomized: they fail by chance never.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.search.core import events as ev
from lanewise.search.core.events import EVENTS, Continue, Failure, Stop, decode, encode
from lanewise.search.core.spec import Budget, Objective, Spec
from lanewise.search.errors import JournalError, SearchError
from lanewise.search.selection.evaluated import Evaluated
from lanewise.search.store.home import Home
from lanewise.search.store.journal import FORMAT, Journal
from lanewise.search.store.view import find, open_view
from lanewise.search.sweeps import replay
from lanewise.spaces import Float, Int, Space

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), texts
)
bodies = st.dictionaries(
    texts,
    st.recursive(leaves, lambda x: st.lists(x, max_size=3) | st.dictionaries(texts, x, max_size=3)),
    max_size=4,
)
counts = st.integers(0, 10_000)
rows = st.tuples(st.integers(1, 1000), st.dictionaries(texts, st.floats(allow_nan=False)))
seconds = st.floats(0, 1e9)
decisions = st.one_of(
    st.builds(Continue, counts),
    st.builds(Stop, texts),
    st.builds(ev.Pause),
    st.builds(ev.Exploit, counts, bodies, counts),
)
FIELDS = {
    ev.Launched: (texts, texts, bodies, bodies),
    ev.Opened: (texts, texts, bodies),
    ev.Asked: (counts, bodies, counts, st.lists(counts, max_size=3).map(tuple)),
    ev.Rerun: (counts, counts),
    ev.Resumed: (counts, decisions),
    ev.Reported: (counts, st.lists(rows, max_size=3).map(tuple), decisions),
    ev.Completed: (counts,),
    ev.Failed: (counts, st.builds(Failure, texts, texts), st.booleans()),
    ev.Lost: (counts,),
    ev.Exhausted: (),
    ev.Ticked: (seconds,),
    ev.Noted: (texts, texts),
    ev.Estimated: (
        counts,
        *(st.floats(allow_nan=False) for _ in range(3)),
        *(st.lists(counts, max_size=3).map(tuple) for _ in range(2)),
    ),
    ev.Tested: (counts, counts, st.dictionaries(texts, seconds, max_size=2), texts),
    ev.Interrupted: (texts,),
    ev.Closed: (texts, texts),
}
LAUNCHED = ev.Launched("s1", "digits", {}, {})


@pytest.fixture
def journal(tmp_path):
    with closing(Journal(tmp_path / "journal.db", create=True)) as made:
        yield made


def events_of(journal, sweep="s1", after=-1):
    return [record.event for record in journal.read(sweep, after)]


def fill(journal, count=5, sweep="s1"):
    events = [ev.Launched(sweep, "digits", {}, {})]
    events += [ev.Asked(number, {"x": number / 7}, 3) for number in range(count - 1)]
    journal.append(sweep, -1, events)
    return events


def sql(path, command, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(command, values).fetchall()


def line(text):
    return f"^{re.escape(text)}$"


def test_every_kind_of_event_is_tried_here():
    assert set(FIELDS) == set(EVENTS.values())
    assert [EVENTS[event.kind] for event in FIELDS] == list(FIELDS)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_comes_back_as_it_was(kind, tmp_path):
    with closing(Journal(tmp_path / "journal.db", create=True)) as journal:

        @settings(deadline=None, max_examples=15, derandomize=True)
        @given(st.lists(st.builds(EVENTS[kind], *FIELDS[EVENTS[kind]]), min_size=1, max_size=3))
        def round_trip(events):
            before = journal.last("s1")
            assert journal.append("s1", before, events) == before + len(events)
            assert repr(events_of(journal, after=before)) == repr(events)
            assert [decode(event.kind, encode(event)) for event in events] == events

        round_trip()


def test_values_that_are_not_numbers_come_back_too(journal):
    metrics = {"score": 0.5, "loss": float("nan"), "top": float("inf")}
    journal.append("s1", -1, [ev.Reported(0, ((1, metrics),), Continue(3))])
    assert repr(events_of(journal)[0].rows) == repr(((1, metrics),))


def test_the_order_of_a_spaces_keys_is_kept(journal):
    # A draw follows the keys in order: another order would draw other configurations.
    space = Space({"z": Float(0, 1), "a": Int(1, 9), "m": Float(0, 1)})
    spec = Spec(space, (Objective("score", "max"),), Budget(1, 3))
    journal.append("s1", -1, [ev.Launched("s1", "digits", spec.to_json(), {})])
    (launch, _), *_ = journal.launches()
    assert Spec.from_json(launch.spec).space.names == ("z", "a", "m")
    assert json.dumps(launch.spec) == json.dumps(spec.to_json())


def test_seq_counts_every_sweep_by_itself(journal):
    assert journal.last("s1") == -1
    assert journal.append("s1", -1, [LAUNCHED]) == 0
    assert journal.append("s2", -1, [ev.Launched("s2", "digits", {}, {}), ev.Lost(0)]) == 1
    assert journal.append("s1", 0, []) == 0
    assert journal.append("s1", 0, [ev.Lost(1), ev.Lost(2)]) == 2
    assert [record.seq for record in journal.read("s1")] == [0, 1, 2]
    assert [record.event for record in journal.read("s1", 1)] == [ev.Lost(2)]
    assert [launch.sweep for launch, _ in journal.launches()] == ["s1", "s2"]


def test_a_group_of_events_is_written_whole_or_not_at_all(journal):
    fill(journal)
    with pytest.raises(JournalError):
        journal.append("s1", 3, [ev.Lost(0), ev.Lost(1)])  # seq 4 is taken, 5 is not
    assert journal.last("s1") == 4


def test_a_second_writer_is_refused(journal):
    fill(journal)
    with closing(Journal(journal.path)) as other:
        seq = other.last("s1")
        journal.append("s1", seq, [ev.Lost(0)])
        with pytest.raises(
            JournalError,
            match=line(f"{journal.path}: another controller has written to this sweep"),
        ):
            other.append("s1", seq, [ev.Lost(1)])
    assert events_of(journal)[-1] == ev.Lost(0)


# -- broken records ------------------------------------------------------------------------------

BREAK = {
    "body": "UPDATE events SET body = replace(body, '{', '[') WHERE sweep = 's1' AND seq = ?",
    "crc": "UPDATE events SET crc = crc + 1 WHERE sweep = 's1' AND seq = ?",
    "kind": "UPDATE events SET kind = 'unheard of' WHERE sweep = 's1' AND seq = ?",
    "values": "UPDATE events SET body = replace(body, '0', '1') WHERE sweep = 's1' AND seq = ?",
    "time": "UPDATE events SET at = at + 0.001 WHERE sweep = 's1' AND seq = ?",
    "no time": "UPDATE events SET at = 'yesterday' WHERE sweep = 's1' AND seq = ?",
    "endless time": "UPDATE events SET at = 9e999 WHERE sweep = 's1' AND seq = ?",
    "no text": "UPDATE events SET body = CAST(x'ff00fe' AS TEXT) WHERE sweep = 's1' AND seq = ?",
    "bytes": "UPDATE events SET body = x'ff00fe' WHERE sweep = 's1' AND seq = ?",
    "no kind": "UPDATE events SET kind = CAST(x'ff' AS TEXT) WHERE sweep = 's1' AND seq = ?",
    "no checksum": "UPDATE events SET crc = 'x' WHERE sweep = 's1' AND seq = ?",
}


@pytest.mark.parametrize("what", BREAK)
def test_a_broken_newest_record_counts_as_never_written(journal, what):
    events = fill(journal)
    sql(journal.path, BREAK[what].replace("'0', '1'", "'3', '4'"), 4)
    assert events_of(journal) == events[:4]
    assert journal.last("s1") == 4
    assert journal.truncate("s1", 3) == 1
    assert journal.append("s1", 3, [ev.Lost(0)]) == 4
    assert events_of(journal) == [*events[:4], ev.Lost(0)]


@pytest.mark.parametrize("what", BREAK)
def test_a_broken_record_in_the_middle_is_named(journal, what):
    fill(journal)
    sql(journal.path, BREAK[what].replace("'0', '1'", "'3', '4'"), 2)
    with pytest.raises(JournalError, match=line(f"{journal.path}: record 2 of sweep s1 is broken")):
        journal.read("s1")


@pytest.mark.parametrize("seq", [0, 2])
def test_a_missing_record_is_named(journal, seq):
    fill(journal)
    sql(journal.path, "DELETE FROM events WHERE sweep = 's1' AND seq = ?", seq)
    with pytest.raises(
        JournalError, match=line(f"{journal.path}: record {seq} of sweep s1 is missing")
    ):
        journal.read("s1")


@pytest.mark.parametrize("what", BREAK)
def test_one_broken_sweep_does_not_hide_the_others(journal, what):
    fill(journal)
    other = fill(journal, sweep="s2")
    assert journal.unreadable() == {}
    sql(journal.path, BREAK[what].replace("'0', '1'", "'s', 't'"), 0)
    assert [launch.sweep for launch, _ in journal.launches()] == ["s2"]
    assert events_of(journal, "s2") == other
    assert journal.unreadable() == {"s1": f"{journal.path}: record 0 of sweep s1 is broken"}


def forge(journal, sweep, seq, kind, body):
    """A record whose checksum is right, whatever is in it."""
    text, at = json.dumps(body), 1.75e9
    crc = zlib.crc32(f"{sweep}\0{seq}\0{kind}\0{text}\0{at!r}".encode())
    sql(journal.path, "DELETE FROM events WHERE sweep = ? AND seq = ?", sweep, seq)
    insert = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
    sql(journal.path, insert, sweep, seq, at, kind, text, crc)


def launched(**more):
    return {"sweep": "s1", "name": "digits", "spec": {}, "details": {}, **more}


NO_EVENTS = {
    "a number as text": ("asked", {"number": "0", "params": {}, "until": 3}),
    "a list of parameters": ("asked", {"number": 0, "params": [], "until": 3}),
    "a field too many": ("asked", {"number": 0, "params": {}, "until": 3, "more": 1}),
    "a field too few": ("asked", {"number": 0}),
    "no mapping": ("asked", [1, 2]),
    "nothing": ("completed", None),
    "rows without metrics": ("reported", {"number": 0, "rows": [[1]], "decision": {"stop": ""}}),
    "metrics in a list": ("reported", {"number": 0, "rows": [[1, 2]], "decision": {"stop": ""}}),
    "no decision": ("reported", {"number": 0, "rows": [], "decision": None}),
    "half a failure": ("failed", {"number": 0, "failure": {"kind": "bug"}, "retry": True}),
    "a failure of numbers": (
        "failed",
        {"number": 0, "failure": {"kind": 1, "message": 2}, "retry": True},
    ),
    "a time of words": ("ticked", {"seconds": "long"}),
}


@pytest.mark.parametrize("what", NO_EVENTS)
def test_what_cannot_have_happened_is_a_broken_record_though_its_checksum_is_right(journal, what):
    fill(journal)
    forge(journal, "s1", 2, *NO_EVENTS[what])
    with pytest.raises(JournalError, match=line(f"{journal.path}: record 2 of sweep s1 is broken")):
        journal.read("s1")


NO_LAUNCHES = {
    "a name of another": launched(sweep="s2"),
    "a section of words": launched(details={"mlflow": "http://host"}),
    "a sweep file of words": launched(details={"sweep_file": "name: x"}),
    "no details": launched(details=None),
    "another event": None,
}


@pytest.mark.parametrize("what", NO_LAUNCHES)
def test_a_launch_of_another_form_is_no_launch(journal, what):
    fill(journal, sweep="s2")
    body = NO_LAUNCHES[what]
    forge(journal, "s1", 0, *(("lost", {"number": 0}) if body is None else ("launched", body)))
    assert [launch.sweep for launch, _ in journal.launches()] == ["s2"]
    assert list(journal.unreadable()) == ["s1"]


@pytest.mark.parametrize(
    "sweep",
    ["../../etc", "/etc/passwd", "..", ".hidden", "a/b", "a\x00b", "", "a\nb", "s1 ", "x" * 41],
)
def test_an_id_never_leads_out_of_the_home(journal, sweep):
    fill(journal, sweep="s2")
    forge(journal, sweep, 0, "launched", launched(sweep=sweep))
    assert [launch.sweep for launch, _ in journal.launches()] == ["s2"]
    assert list(journal.unreadable()) == [sweep]
    home = Home(journal.path.parent)
    for path in (home.sweep, home.checkpoints, home.report, home.has_controller):
        with pytest.raises(SearchError, match="is no sweep's id"):
            path(sweep)


def test_the_newest_is_the_one_that_was_launched_last_whatever_the_clock_said(journal, monkeypatch):
    for sweep, now in [("s1", 2e9), ("s3", 1e9), ("s2", 1.5e9)]:
        monkeypatch.setattr("time.time", lambda now=now: now)
        fill(journal, sweep=sweep)
    assert [launch.sweep for launch, _ in journal.launches()] == ["s1", "s3", "s2"]
    assert find(journal, None) == find(journal, "digits") == "s2"


# -- files that are no journal of ours -----------------------------------------------------------


def test_a_newer_format_is_refused(journal):
    sql(journal.path, "UPDATE about SET value = ? WHERE key = 'format'", str(FORMAT + 1))
    text = (
        f"{journal.path}: written by a newer release (format {FORMAT + 1}, this one reads "
        f"{FORMAT}); upgrade lanewise"
    )
    with pytest.raises(JournalError, match=line(text)):
        Journal(journal.path)


@pytest.mark.parametrize("value", ["", "two", "2.5", "-1", "0", "1e9", "\x00", "9" * 30])
def test_a_damaged_format_gets_one_line(journal, value):
    sql(journal.path, "UPDATE about SET value = ? WHERE key = 'format'", value)
    with pytest.raises(JournalError) as caught:
        Journal(journal.path)
    assert str(caught.value).startswith(f"{journal.path}: damaged: its format is ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    ["DROP TABLE about; CREATE TABLE about (other TEXT)", "UPDATE about SET value = x'ff'"],
)
def test_a_damaged_about_gets_one_line(journal, damage):
    with closing(sqlite3.connect(journal.path)) as connection:
        connection.executescript(damage)
    with pytest.raises(JournalError, match=line(f"{journal.path}: ")[:-1]):
        Journal(journal.path)


# Journals as the releases wrote them; a new format brings a file of its own.
OLD = sorted((Path(__file__).parent / "journals").glob("format-*.sql"))


def format_of(path):
    return int(sql(path, "SELECT value FROM about WHERE key = 'format'")[0][0])


@pytest.fixture(params=OLD, ids=lambda path: path.stem)
def old(request, tmp_path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(request.param.read_text())
    return path


def test_there_is_an_old_journal_of_every_older_format():
    assert [path.stem for path in OLD] == [f"format-{number}" for number in range(1, FORMAT)]


def test_an_older_format_opens_and_reading_leaves_it_as_it_was(old):
    before = format_of(old)
    with closing(Journal(old)) as journal:
        view = open_view(journal, "s1")
        assert view.history.closed == ev.Closed("done", "trials")
        assert [trial.status for trial in view.history] == ["completed", "stopped", "stopped"]
        assert view.history.best.best == (3, 0.799)
        events = [record.event for record in journal.read("s1", 0)]
        assert replay(view.spec, events).history.best.number == 0
    assert format_of(old) == before < FORMAT


def test_in_an_older_sweep_the_first_of_equals_stays_the_best(tmp_path):
    """Its weights were kept by that rule; newer sweeps beside it go by the loss."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "journals/format-2.sql").read_text())
    with closing(Journal(path)) as journal:
        view = open_view(journal, "s2")
        assert [trial.best for trial in view.history] == [(1, 1.0)] * 3
        assert [trial.number for trial in view.history.ranked()] == [0, 1, 2]
        again = replay(view.spec, [record.event for record in journal.read("s2")])
        assert again.history.best.number == 0
        newer = replace(view.spec, objectives=(Objective("val_accuracy", "max"),))
        again = replay(newer, [record.event for record in journal.read("s2")])
        assert [(t.number, t.best[0]) for t in again.history.ranked()] == [(2, 1), (0, 2), (1, 1)]


def test_an_append_raises_the_format_so_that_an_older_release_refuses_it(old, monkeypatch):
    before = format_of(old)
    with closing(Journal(old)) as journal:
        seq = journal.append("s1", journal.last("s1"), [ev.Noted("packing", "trains alone")])
        assert open_view(journal, "s1").history.notes == {"packing": "trains alone"}
        assert format_of(old) == FORMAT
        journal.append("s1", seq, [ev.Lost(0)])
    monkeypatch.setattr(
        "lanewise.search.store.journal.FORMAT", before
    )  # as the older release reads it
    text = (
        f"{old}: written by a newer release (format {FORMAT}, this one reads {before}); "
        "upgrade lanewise"
    )
    with pytest.raises(JournalError, match=line(text)):
        Journal(old)


def test_a_failed_append_does_not_raise_the_format(old):
    before = format_of(old)
    with closing(Journal(old)) as journal:
        with pytest.raises(JournalError):
            journal.append("s1", 0, [ev.Lost(0)])
        assert format_of(old) == before
        journal.append("s1", journal.last("s1"), [ev.Lost(0)])
    assert format_of(old) == FORMAT


def test_a_file_that_is_no_database_gets_one_line(tmp_path):
    path = tmp_path / "journal.db"
    path.write_text("not a database, whatever its name says\n" * 100)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=line(f"{path}: file is not a database")):
        Journal(path, create=True)
    assert path.read_bytes() == before


def test_a_journal_that_is_not_there_is_made_only_on_demand(tmp_path):
    path = tmp_path / "deep" / "journal.db"
    with pytest.raises(JournalError, match=line(f"{path}: there is no journal here")):
        Journal(path)
    assert not path.parent.exists()
    with closing(Journal(path, create=True)) as journal:
        assert journal.launches() == []


def test_a_folder_in_its_place_gets_one_line(tmp_path):
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalError, match=line(f"{tmp_path / 'journal.db'}: unable to open")[:-1]):
        Journal(tmp_path / "journal.db", create=True)


# -- requests ------------------------------------------------------------------------------------


def test_a_request_is_handed_out_once_to_its_sweep_in_order(journal):
    for sweep, kind in [("s1", "pause"), ("s2", "stop"), ("s1", "stop")]:
        journal.request(sweep, kind)
    with closing(Journal(journal.path)) as other:
        assert other.take_requests("s1") == ["pause", "stop"]
    assert journal.take_requests("s1") == []
    assert journal.take_requests("s2") == ["stop"]


# -- durability ----------------------------------------------------------------------------------


def test_every_connection_writes_to_the_disk_before_it_goes_on(journal):
    """Anything less than FULL (2) in WAL mode loses what was appended when the power goes."""
    fill(journal)
    with closing(Journal(journal.path)) as again:
        for one in (journal, again):
            with one._engine.connect() as first, one._engine.connect() as second:
                for connection in (first, second):
                    settings = [
                        connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                        for name in ("synchronous", "journal_mode", "locking_mode")
                    ]
                    assert settings == [2, "wal", "normal"]


APPEND = """
import sys
from pathlib import Path
from lanewise.search.core.events import Lost
from lanewise.search.store.journal import Journal

journal = Journal(Path(sys.argv[1]))
seq = journal.last("s1")
for _ in range(5):
    seq = journal.append("s1", seq, [Lost(seq)])
    print("appended", flush=True)
"""
CALL = re.compile(r"(\w+)\(\d+<(.*?)>(.*)")


def test_an_append_is_on_the_disk_before_anybody_is_told(journal, tmp_path):
    """As the kernel sees it: between writing the log and saying so, the log is synchronised."""
    fill(journal)
    log = tmp_path / "calls"
    words = ["strace", "-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", str(log)]
    try:
        done = subprocess.run(
            [*words, sys.executable, "-c", APPEND, str(journal.path)],
            stdout=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError:
        pytest.skip("needs strace")
    if done.returncode and not done.stdout:
        pytest.skip("needs the right to trace a process")
    told, is_written, is_synced = 0, False, False
    for found in filter(None, map(CALL.search, log.read_text().splitlines())):
        call, path, rest = found.groups()
        if path.endswith("journal.db-wal"):
            is_written = is_written or call == "pwrite64"
            is_synced = "sync" in call
        elif "appended" in rest:
            assert is_written
            assert is_synced
            told, is_written, is_synced = told + 1, False, False
    assert told == 5


# -- several processes ---------------------------------------------------------------------------


def test_a_reader_sees_whole_groups_while_another_writes(journal):
    groups, size = 60, 5
    finished = threading.Event()

    def write():
        with closing(Journal(journal.path)) as writer:
            seq = -1
            for group in range(groups):
                seq = writer.append("s1", seq, [ev.Lost(group)] * size)
        finished.set()

    writing = threading.Thread(target=write)
    writing.start()
    seen = []
    while not (last := finished.is_set()) or last:
        seen += journal.read("s1", len(seen) - 1)
        assert len(seen) % size == 0
        if last:
            break
    writing.join()
    assert [record.seq for record in seen] == list(range(groups * size))
    assert [record.event.number for record in seen] == [n // size for n in range(groups * size)]


APPEND_FOR_EVER = """
import sys
from pathlib import Path
from lanewise.search.core.events import Asked, Lost
from lanewise.search.store.journal import Journal

journal = Journal(Path(sys.argv[1]), create=True)
seq = journal.last("s1")
while True:
    seq = journal.append("s1", seq, [Asked(seq, {"x": "y" * (seq * 37 % 5000)}, 3), Lost(seq)])
    print(seq, flush=True)
"""


def process(code, *args):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("appends", [1, 7, 40])
def test_a_killed_writer_leaves_all_that_it_said_it_wrote(journal, appends):
    with process(APPEND_FOR_EVER, journal.path) as writer:
        told = [int(writer.stdout.readline()) for _ in range(appends)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(text) for text in writer.stdout.read().split()]
    records = journal.read("s1")
    assert [record.seq for record in records] == list(range(len(records)))
    # What it told is there; the group that it was about to tell may be there, whole.
    assert len(records) - 1 in (told[-1], told[-1] + 2)
    assert journal.append("s1", records[-1].seq, [ev.Lost(0)]) == len(records)


def test_several_processes_may_begin_the_same_journal(tmp_path):
    code = """
import sys
from pathlib import Path
from lanewise.search.core.events import Launched
from lanewise.search.store.journal import Journal

print("ready", flush=True)
sys.stdin.readline()
journal = Journal(Path(sys.argv[1]), create=True)
journal.append(sys.argv[2], -1, [Launched(sys.argv[2], "digits", {}, {})])
"""
    path = tmp_path / "new" / "journal.db"
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), f"s{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for one in begun:
        assert one.stdout.readline() == "ready\n"
    for one in begun:
        one.stdin.write("go\n")
        one.stdin.flush()
    errors = [one.communicate()[1] for one in begun]
    assert errors == [""] * 4
    with closing(Journal(path)) as journal:
        assert {launch.sweep for launch, _ in journal.launches()} == {"s0", "s1", "s2", "s3"}


def test_an_evaluation_of_a_dropped_report_is_written_again(tmp_path: Path) -> None:
    event = ev.Reported(0, ((1, {"loss": 1.0}),), Continue(3))
    with closing(Home(tmp_path).journal(create=True)) as journal:
        journal.append("s", -1, [event], [Evaluated(0, 1, 5, b"old")])
        assert journal.truncate("s", -1) == 1
        journal.append("s", -1, [event], [Evaluated(0, 1, 5, b"new")])
        (stored,) = journal.evaluations("s", folded=False)
        assert stored.body == b"new"
