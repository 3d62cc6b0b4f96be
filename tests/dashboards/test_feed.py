"""What a live display says: rates, time left, who ended last; the same however late one looks."""

from __future__ import annotations

import pytest

from lanewise.dashboards.feed import Feed
from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Failure
from lanewise.search.store.view import unread_view


@pytest.fixture
def sweep(lab):
    """Four trials without early stopping, of which two have ended and one runs."""
    made = lab.begun(lab.spec(trials=4, scheduler="none"))
    for _ in range(2):
        made.report(made.ask().number, rows(lab, made))
    made.ask()
    lab.take(made)
    return made


def rows(lab, sweep):
    params = list(sweep.history)[-1].params
    return [(epoch, lab.curve(params, epoch)) for epoch in range(1, 10)]


def fed(lab):
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    return feed


def test_rates_share_and_time_left(lab, sweep):
    feed = fed(lab)
    began = feed.since[0]
    assert feed.read(began).trials_per_minute is None
    sweep.report(2, rows(lab, sweep))
    lab.take(sweep)
    assert feed.refresh()
    snapshot = feed.read(began + 10)
    assert snapshot.trials_per_minute == pytest.approx(18)
    assert snapshot.epochs_per_minute == pytest.approx(162)
    assert snapshot.done == 0.75
    assert snapshot.left == pytest.approx(10 / 3)
    assert snapshot.counts["completed"] == 3
    assert snapshot.best.startswith("val_accuracy")


def test_rates_are_of_the_last_minute(lab, sweep):
    feed = fed(lab)
    assert feed.read(feed.since[0] + 3600).epochs_per_minute == 0.0


def test_the_time_of_a_sweep_that_nobody_works_on_stands_still(lab, sweep):
    feed = fed(lab)
    snapshot = feed.read(feed.view.last_at + 3600, is_live=False)
    assert snapshot.elapsed < 60
    assert snapshot.left is None
    assert snapshot.counts["open"] == 1
    assert "running" not in snapshot.counts


def test_who_looks_late_sees_what_another_saw_all_the_time(lab, sweep):
    early = fed(lab)
    run = sweep.ask()
    sweep.fail(run.number, Failure("out_of_memory", "boom"))  # has a retry left
    lab.take(sweep)
    assert early.refresh()
    assert not early.refresh()
    sweep.interrupt("by a signal")
    sweep.opened("inline", "resumed", {})
    sweep.report(2, rows(lab, sweep))
    lab.take(sweep)
    early.refresh()
    lab.write(simulate(sweep, lab.curve))
    early.refresh()
    late = fed(lab)
    mine, others = ({k: repr(v) for k, v in vars(f).items() if k != "view"} for f in (early, late))
    assert mine == others
    assert [trial.number for trial in late.ended] == [0, 1, 2, 3]
    assert late.failures == {"out_of_memory": 1}
    assert late.newest == (3, Failure("out_of_memory", "boom"))
    assert late.path[-1][1] == late.view.history.best.best[1]


def test_settings_that_all_trials_share(lab, sweep):
    same = fed(lab).same
    assert same["batch_size"] == "64"
    assert "lr" not in same
