"""A use of the test part in MLflow, and in what views say of a sweep."""

from __future__ import annotations

from typing import Any

import pytest

from lanewise.dashboards.console import PlainConsole
from lanewise.dashboards.report.facts import gather
from lanewise.dashboards.summary import summary
from lanewise.dashboards.terminal import render_sweep
from lanewise.dashboards.worth import uses_of
from lanewise.search.core import events as ev
from lanewise.search.store.view import open_view


@pytest.mark.usefixtures("new_database")
def test_mlflow_shows_it_on_the_trials_run_and_the_sweeps(lab: Any) -> None:
    lab.write(lab.simulated(4))
    lab.drain()
    before, seconds = lab.runs(), summary(open_view(lab.journal, "s1"), lab.home)["seconds"]
    lab.write([ev.Tested(1, 3, {"test_accuracy": 0.5}, "ann@host")])
    lab.drain()
    (parent, children), value = lab.runs(), {"test_accuracy": 0.5}
    assert parent.data.metrics.items() >= value.items()
    assert children[1].data.metrics.items() >= value.items()
    assert "test_accuracy" not in children[0].data.metrics
    for was, now in [(before[0], parent), *((before[1][n], run) for n, run in children.items())]:
        assert (now.info.status, now.info.end_time) == (was.info.status, was.info.end_time)
    assert summary(open_view(lab.journal, "s1"), lab.home)["seconds"] <= seconds


def test_show_and_the_report_tell_each_use(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lab.write(lab.simulated(4))
    view = open_view(lab.journal, "s1")
    assert list(uses_of(view)) == []
    lab.write([ev.Tested(1, 3, {"test_accuracy": 0.5}, "ann@host")])
    view.refresh()
    ((when, told),) = uses_of(view)
    assert when.endswith(", ann@host")
    assert told.startswith("trial 1: test_accuracy 0.5")
    render_sweep(PlainConsole(), view, lab.home)
    shown = capsys.readouterr().out
    assert "Uses of the test part" in shown
    assert "ann@host" in shown
    made = gather(view, lab.home).made
    assert (f"test part used {when}", told) in made
