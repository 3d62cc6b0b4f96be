"""What views say of trials that pause, go on, and go on with others' weights."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from lanewise.dashboards import terminal
from lanewise.dashboards.board import in_states
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.report.facts import gather
from lanewise.dashboards.summary import best, history, summary
from lanewise.dashboards.words import counted
from lanewise.search.core.events import Continue, Exploit, Pause
from lanewise.search.store.view import open_view, unread_view


class Scripted:
    """Trial 0 pauses at its first rung; trial 1 goes on with its weights; trial 2 just goes on."""

    exploits = True
    goes_on = False

    def rungs(self, number):
        return 1, 3, 9

    def decide(self, history, number):
        trial = history.trials[number]
        if trial.rung > 1 or number == 2:
            return Continue()
        if number == 1:
            return Exploit(0, {**trial.params, "lr": 0.5})
        return Continue() if self.goes_on else Pause()

    def next(self, history):
        return 0 if self.goes_on and history.paused_count else None


@pytest.fixture
def sweep(lab):
    """Trial 0 is paused, trial 1 trains with its weights, trial 2 has begun."""
    made = lab.begun(lab.spec(trials=4))
    made.scheduler = Scripted()
    for number in range(3):
        made.ask()
        made.report(number, [row(1, 0.3 - number / 10)])
    lab.take(made)
    return made


def row(epoch, score):
    return epoch, {"val_accuracy": score, "loss": 1.0}


def shown(render, *args):
    file = io.StringIO()
    render(Console(file=file, width=200), *args)
    return file.getvalue()


def test_a_paused_trial_is_counted_as_such(lab, sweep):
    view = open_view(lab.journal, "s1")
    told = summary(view, lab.home)["trials"]
    assert told == {
        "asked": 3, "completed": 0, "stopped": 0, "failed": 0, "cancelled": 0, "paused": 1
    }  # fmt: skip
    assert counted(told) == "3 trials: 1 paused, 2 open"
    assert history(view)[0]["status"] == "paused"
    table = shown(terminal.render_sweep, view, lab.home)
    (line,) = [line for line in table.splitlines() if line.startswith("0 ")]
    assert line.split()[:3] == ["0", "paused", "1"]
    assert shown(terminal.render_trial, view, 0).startswith("trial 0 of digits: paused\n")
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    assert in_states(feed.read(feed.view.last_at)) == "2 running, 1 paused"
    assert feed.read(feed.view.last_at).done == 0.25  # it may never go on
    report = gather(view, lab.home)
    assert "3 trials: 1 paused, 2 open" in report.sentence
    assert ("trials paused", "1") in report.spent


def test_a_live_display_knows_when_a_paused_trial_goes_on_and_when_it_ends(lab, sweep):
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    began = feed.since[0]
    sweep.scheduler.goes_on = True
    sweep.ask()
    lab.take(sweep)
    feed.refresh()
    assert feed.since[0] > began
    assert feed.read(feed.view.last_at).counts["paused"] == 0
    sweep.scheduler.goes_on = False
    sweep.report(2, [row(9, 0.5)])
    sweep.close("trials")
    lab.take(sweep)
    feed.refresh()
    assert [trial.number for trial in feed.ended] == [2, 0, 1]


def test_mlflow_shows_a_paused_trial_as_running_until_it_ends(lab, sweep, new_database):
    with lab.home.controller_lock("s1"):
        lab.drain()
        _, runs = lab.runs()
        assert runs[0].info.status == "RUNNING"
        assert runs[0].data.tags["lanewise.outcome"] == "paused"
        assert runs[0].data.tags["lanewise.rung"] == "1"
        sweep.scheduler.goes_on = True
        sweep.ask()
        lab.take(sweep)
        lab.drain()
        _, runs = lab.runs()
    assert runs[0].info.status == "RUNNING"
    assert runs[0].data.tags["lanewise.outcome"] == "running"


def test_mlflow_shows_a_trial_that_stays_paused_as_finished_when_the_sweep_ends(
    lab, sweep, new_database
):
    sweep.close("trials")
    lab.take(sweep)
    lab.drain()
    _, runs = lab.runs()
    assert runs[0].info.status == "FINISHED"
    assert runs[0].data.tags["lanewise.outcome"] == "stopped: rung 1"


def test_mlflow_keeps_the_first_parameters_and_tells_what_became_of_them(lab, sweep, new_database):
    sweep.report(1, [row(3, 0.9)])  # the best so far, of its second segment
    lab.take(sweep)
    lab.drain()
    parent, runs = lab.runs()
    first = sweep.history.trials[1].segments[0].params["lr"]
    assert float(runs[1].data.params["lr"]) == first
    said = "from epoch 2 on with the weights of trial 0: lr 0.5"
    assert runs[1].data.tags["lanewise.segments"] == said
    assert said in runs[1].data.tags["mlflow.note.content"]
    assert "lanewise.segments" not in runs[0].data.tags
    segments = json.loads(lab.artifact(runs[1], "segments.json"))
    assert [(s["epoch"], s["source"], s["params"]["lr"]) for s in segments] == [
        (0, None, first),
        (1, 0, 0.5),
    ]
    assert json.loads(lab.artifact(parent, "best.json"))["params"]["lr"] == 0.5


def test_the_best_parameters_are_those_of_the_best_epoch(lab, sweep):
    first = sweep.history.trials[1].segments[0].params["lr"]
    sweep.report(1, [row(3, 0.15)])  # worse than its first epoch
    lab.take(sweep)
    view = open_view(lab.journal, "s1")
    (told,) = [each for each in best(view, 3) if each["trial"] == 1]
    assert told["params"]["lr"] == first
    trial = history(view)[1]
    assert trial["params"]["lr"] == first
    assert [segment["params"]["lr"] for segment in trial["segments"]] == [first, 0.5]
    text = shown(terminal.render_trial, view, 1)
    assert "from epoch 2 on with the weights of trial 0: lr 0.5" in text
