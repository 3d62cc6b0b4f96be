"""`kill -9` at moments that nobody chose, each followed by a resume."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from commandline import Lanewise, mlflow_runs
from harness import (
    DIGITS,
    SWEEP,
    TRIALS,
    check_history,
    check_mlflow,
    check_replay,
    events_of,
    kill,
    view_of,
)

from lanewise.search.errors import UnknownSweepError
from lanewise.search.store.view import View

pytestmark = pytest.mark.timeout(600)

# Of a whole life that is measured first: start-up, trials, and the wait for MLflow at the end.
# (executor, kills, seeds): each long run tries the moments of the first seed, nights the others.
SPREAD = [("inline", 4, 4), ("tune", 2, 3), ("packed", 2, 3)]
MOMENTS = [
    pytest.param(
        *(executor, seed, kills),
        id=f"{executor}-{seed}",
        marks=pytest.mark.night if seed else pytest.mark.long,
    )
    for executor, kills, seeds in SPREAD
    for seed in range(seeds)
]


@pytest.mark.parametrize(("executor", "seed", "kills"), MOMENTS)
def test_a_kill_at_any_moment_loses_nothing(
    executor: str, seed: int, kills: int, lanewise: Lanewise
) -> None:
    """None of the moments is chosen for what the journal holds."""
    draw = random.Random(seed)
    sweep = DIGITS if executor == "packed" else SWEEP
    names = [f"killed-{place}" for place in range(kills + 1)]
    for name in names:
        text = sweep.replace("name: killed", f"name: {name}\nmlflow: {{experiment: killed}}")
        lanewise.write(f"{name}.yaml", text)
    began = time.monotonic()
    assert lanewise.run("run", f"{names[0]}.yaml", "--executor", executor).returncode == 0
    life = time.monotonic() - began
    for name in names[1:]:
        process = lanewise.start("run", f"{name}.yaml", "--executor", executor)
        time.sleep(draw.uniform(0, life))
        kill(process)
        before = look(lanewise, name)
        verb = ("resume", name) if before else ("run", f"{name}.yaml")  # killed before it began
        assert lanewise.json(*verb, "--executor", executor)["status"] == "done"
        check_history(before, view_of(lanewise, name), TRIALS)
        check_replay(events_of(lanewise, name))
    runs = mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", "killed")
    for name in names:
        check_mlflow(view_of(lanewise, name), runs)


def look(lanewise: Lanewise, name: str) -> View | None:
    """The sweep, if it came so far as to have one."""
    with contextlib.suppress(UnknownSweepError):
        return view_of(lanewise, name)
    return None
