"""Views: a sweep as its journal tells it."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core import events as ev
from lanewise.search.core.events import Failure
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.errors import UnknownSweepError, no_sweeps
from lanewise.search.store.home import Home
from lanewise.search.store.view import find, open_view
from lanewise.search.sweeps import go_on, make_sweep, replay
from lanewise.spaces import Float, Space

SPEC = Spec(
    space=Space({"x": Float(0, 1)}),
    objectives=(Objective("loss", "min"),),
    budget=Budget(9, 12),
    sampler=Plugin("random"),
    scheduler=Plugin("asha"),
)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def journal(home):
    with closing(home.journal(create=True)) as made:
        yield made


def launch(journal, sweep="s1", name="digits"):
    journal.append(sweep, -1, [ev.Launched(sweep, name, SPEC.to_json(), {})])


def lived():
    """All events of a finished sweep, with a failure and two sessions."""
    sweep = make_sweep(SPEC)
    sweep.opened("inline", "asked for", {})
    sweep.fail(sweep.ask().number, Failure("bug", "Traceback:\n  boom"))
    sweep.interrupt("by a signal")
    sweep.opened("inline", "resumed", {})
    simulated = simulate(sweep, lambda params, epoch: {"loss": params["x"] / epoch}, workers=3)
    return simulated, sweep


def seen(view):
    fields = {name: repr(value) for name, value in vars(view.history).items()}
    fields["fingerprints"] = sorted(view.history.fingerprints)
    return fields, view.seq, view.last_at, view.decided_at, view.sessions


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_reading_on_piece_by_piece_shows_what_reading_at_once_shows(journal, size):
    events, sweep = lived()
    launch(journal)
    view = open_view(journal, "s1")
    for start in range(0, len(events), size):
        part = events[start : start + size]
        journal.append("s1", start, part)
        assert [record.event for record in view.refresh()] == part
    assert view.refresh() == []
    assert seen(view) == seen(open_view(journal, "s1"))
    assert repr(view.history.trials) == repr(sweep.history.trials)
    assert len(view.sessions) == 2
    assert view.launched_at <= view.sessions[0][0] <= view.sessions[0][1] <= view.sessions[1][0]
    assert view.decided_at <= view.sessions[1][1] <= view.last_at


def test_a_sweep_that_a_person_ends_later_on_did_not_run_until_then(journal):
    launch(journal)
    seq = journal.append("s1", 0, [ev.Opened("inline", "", {}), ev.Interrupted("by a signal")])
    before = open_view(journal, "s1").sessions
    journal.append("s1", seq, [ev.Closed("done", ev.BY_A_PERSON)])
    view = open_view(journal, "s1")
    assert view.sessions == before
    assert view.last_at >= before[-1][1]


def test_a_view_opens_without_the_users_own_classes(journal):
    spec = {**SPEC.to_json(), "sampler": {"name": "gone:Sampler", "options": {}}}
    spec["scheduler"] = {"name": "gone:Scheduler", "options": {}}
    events = [ev.Launched("s1", "digits", spec, {}), ev.Asked(0, {"x": 0.5}, 3)]
    events.append(ev.Reported(0, ((3, {"loss": 0.1}),), ev.Continue(9)))
    journal.append("s1", -1, events)
    assert open_view(journal, "s1").history.best.number == 0


def test_a_status_is_what_the_journal_and_the_lock_say(journal, home):
    launch(journal)
    sweep = make_sweep(SPEC)
    sweep.opened("inline", "", {})
    seq = journal.append("s1", 0, sweep.drain())
    assert open_view(journal, "s1").status(home) == "interrupted"  # killed: nobody holds the lock
    with home.controller_lock("s1"):
        view = open_view(journal, "s1")
        assert view.status(home) == "running"
        seq = journal.append("s1", seq, [ev.Interrupted("by a signal")])
        view.refresh()
        assert view.status(home) == "interrupted"
    for status in ("done", "failed"):
        seq = journal.append("s1", seq, [ev.Closed(status, "trials")])
        assert open_view(journal, "s1").status(home) == status


def test_a_sweep_is_found_by_id_by_name_or_as_the_newest(journal):
    for sweep, name in [("s1", "digits"), ("s2", "wine"), ("s3", "digits"), ("s4", "iris")]:
        launch(journal, sweep, name)
    assert find(journal, "s1") == "s1"
    assert find(journal, "wine") == "s2"
    assert find(journal, "digits") == "s3"
    assert find(journal, None) == "s4"
    details = {"verifies": {"sweep": "s4"}}
    journal.append("s5", -1, [ev.Launched("s5", "digits-verified", SPEC.to_json(), details)])
    assert find(journal, None) == "s4"
    assert find(journal, "digits-verified") == "s5"


def test_what_is_not_found_gets_one_line_with_the_known_names(journal, home):
    def told(name, text):
        with pytest.raises(UnknownSweepError, match=f"^{re.escape(text)}$"):
            find(journal, name)

    told(None, str(no_sweeps(home.root)))
    told("digits", str(no_sweeps(home.root)))
    for sweep, name in [("s1", "digits"), ("s2", "wine"), ("s3", "digits")]:
        launch(journal, sweep, name)
    told("boston", f"there is no sweep 'boston' in {home.root} (known: digits, wine)")
    near = "did you mean 'digits'? (known: digits, wine)"
    told("digit", f"there is no sweep 'digit' in {home.root}, {near}")
    with pytest.raises(UnknownSweepError, match=f"^there is no sweep 's9' in {home.root}$"):
        open_view(journal, "s9")


@pytest.mark.parametrize("size", [0, 9, 25])
def test_a_sweep_goes_on_with_the_history_that_a_view_has_folded(journal, size):
    launch(journal)
    journal.append("s1", 0, lived()[0][:size])
    view = open_view(journal, "s1")
    folded = view.history
    sweep = go_on(view.spec, folded)
    assert sweep.history is folded
    again = replay(view.spec, [record.event for record in journal.read("s1")])
    asked = [(s.ask(), s.ask(), s.ask(), s.drain()) for s in (sweep, again)]
    assert asked[0] == asked[1]
