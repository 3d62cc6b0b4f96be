"""docs/mlflow.md: every filter finds what it says in a real store, and neither nothing nor all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Failure

PAGE = (Path(__file__).parent.parent.parent / "docs" / "mlflow.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"^```sql\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
FILTERS = [line for line in BLOCK.splitlines() if not line.startswith("--")]


@pytest.fixture
def found(lab, new_database):
    """filter -> the tags of the runs that it finds; with all runs under ""."""
    sweep = lab.begun(lab.spec(12))
    lab.failing(sweep)
    again = sweep.ask()
    sweep.fail(again.number, Failure("out_of_memory", "boom"))  # has a retry left
    lab.take(sweep)
    lab.write(simulate(sweep, lab.curve, workers=3))
    lab.write(lab.simulated(sweep="s2"), "s2")
    lab.drain()
    lab.drain("s2")
    client = lab.client()
    experiment = client.get_experiment_by_name("exp").experiment_id
    asked = {text: text.replace("digits-1a2b3c4d", "s1") for text in ("", *FILTERS)}
    return {
        text: [run.data.tags for run in client.search_runs([experiment], wanted)]
        for text, wanted in asked.items()
    }


def test_every_filter_finds_what_it_says(found):
    assert len(FILTERS) >= 9
    for text in FILTERS:
        assert 0 < len(found[text]) < len(found[""]), text
    trials, sweeps, completed, stopped, failed, bugs, again, *_ = (found[text] for text in FILTERS)
    assert {tags["lanewise.sweep"] for tags in trials} == {"s1"}
    assert len(trials) == 12
    assert len(sweeps) == 2
    assert len(completed) + len(stopped) + len(failed) == len(found[""]) - len(sweeps)
    assert len(bugs) == len(failed) == 1
    assert [tags["lanewise.trial"] for tags in again] == ["1"]
    trial = trials[0]
    ours = [name for name in trial if name.startswith("lanewise.")]
    assert len(ours) >= 8
    assert [name for name in ours if f"`{name}`" not in PAGE] == []
