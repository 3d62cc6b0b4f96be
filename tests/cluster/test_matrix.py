"""examples/digits.yaml with every sampler and every scheduler: all pairs inline, a round packed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import drive

from lanewise import sweepfile
from lanewise.plan import Plan, make_plan
from lanewise.search.core.invariants import check_invariants
from lanewise.search.samplers import SAMPLERS
from lanewise.search.schedulers import SCHEDULERS

pytestmark = pytest.mark.timeout(600)

DIGITS = Path(__file__).parents[2] / "examples" / "digits.yaml"
TRIALS, EPOCHS = 6, 4
STARTUP = {"tpe": {"startup": 2}, "gp": {"startup": TRIALS - 1}}  # a fit of gp takes seconds
OPTIONS: dict[str, dict[str, Any]] = {"pbt": {"interval": 2}, "constant": {"first": 1, "top": 2}}
SCHEDULED = [{name: OPTIONS.get(name, {})} for name in SCHEDULERS]
SCHEDULED += [{"asha": {"eta": 2, "promote": True}}, {"hyperband": {"eta": 2, "promote": True}}]
# What a grid has points for; PBT needs a range to perturb.
FINITE = {"activation": {"choice": ["relu", "tanh"]}, "lr": {"float": [1e-3, 1e-1], "grid": 3}}


def planned(sampler: str, scheduler: dict[str, Any]) -> Plan:
    body = sweepfile.read(DIGITS).model_dump(exclude_unset=True)
    body["model"] = {"mlp": {"hidden": [16]}}
    space = FINITE if sampler == "grid" else {**body["space"]}
    space.pop("hidden", None)
    changes = {
        "space": space,
        "sampler": {sampler: STARTUP.get(sampler, {})},
        "scheduler": scheduler,
        "budget": {"trials": TRIALS, "epochs": EPOCHS},
    }
    return make_plan(sweepfile.parse({**body, **changes}, "digits"), DIGITS.parent)


def check(executor: str, sampler: str, scheduler: dict[str, Any], folder: Path) -> None:
    folder.mkdir()
    plan = planned(sampler, scheduler)
    history = drive(executor, plan.recipe(), plan.spec, folder)
    check_invariants(history)
    assert history.closed is not None
    assert history.closed.status == "done"
    assert len(history) == TRIALS
    assert [trial.failures for trial in history if trial.failures] == []
    assert history.count("completed", "stopped") == TRIALS
    for trial in history:
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))
        assert trial.epoch in trial.rungs
    assert "best model" not in history.notes  # as it was reported


@pytest.mark.long
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_pair_inline(sampler: str, tmp_path: Path) -> None:
    for index, scheduler in enumerate(SCHEDULED):
        check("inline", sampler, scheduler, tmp_path / str(index))


@pytest.mark.long
@pytest.mark.usefixtures("ray_local")
def test_each_of_them_packed(tmp_path: Path) -> None:
    for index in range(max(len(SAMPLERS), len(SCHEDULED))):
        sampler = list(SAMPLERS)[index % len(SAMPLERS)]
        check("packed", sampler, SCHEDULED[index % len(SCHEDULED)], tmp_path / str(index))


@pytest.mark.night
@pytest.mark.usefixtures("ray_local")
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_pair_packed(sampler: str, tmp_path: Path) -> None:
    for index, scheduler in enumerate(SCHEDULED):
        check("packed", sampler, scheduler, tmp_path / str(index))
