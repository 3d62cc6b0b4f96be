"""Many trials, and values too long for MLflow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from commandline import Lanewise, children, mlflow_runs, run_python
from harness import check_all, kill_at, view_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MANY = 1100  # MLflow hands runs out in pages of 1,000
CHEAP = """
def train(config, report):
    report(1, val_accuracy=config["x"])
"""
SWEEP = f"""
name: many
train: cheap.py:train
objective: {{maximize: val_accuracy}}
space: {{x: {{float: [0, 1]}}}}
sampler: random
scheduler: none
executor: inline
budget: {{trials: {MANY}, epochs: 1}}
"""
LIST = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name(sys.argv[2])
found, token = [], None
while True:
    page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
    found += [
        [run.data.tags.get("lanewise.trial"), run.info.status, run.data.metrics, run.data.params]
        for run in page
    ]
    token = page.token
    if not token:
        break
print(json.dumps(found))
"""


def test_more_trials_than_a_page_of_mlflow_holds_are_all_there(lanewise: Lanewise) -> None:
    lanewise.write("cheap.py", CHEAP)
    lanewise.write("many.yaml", SWEEP)
    process = lanewise.start("run", "many.yaml", "--quiet")
    assert process.wait(timeout=500) == 0
    uri = f"sqlite:///{lanewise.home / 'mlflow.db'}"
    found: list[Any] = json.loads(run_python(LIST, uri, "many"))
    assert {status for _, status, _, _ in found} == {"FINISHED"}
    values = {
        int(number): (metrics["val_accuracy"], metrics["best_val_accuracy"], float(params["x"]))
        for number, _, metrics, params in found
        if number is not None
    }
    assert len(found) == MANY + 1
    assert sorted(values) == list(range(MANY))
    assert all(value == best == x for value, best, x in values.values())
    winner = max(values, key=lambda number: values[number])
    assert lanewise.json("best", "many")["trial"] == winner
    (listed,) = lanewise.json("ls")
    assert listed["trials"]["completed"] == MANY
    shown = lanewise.json("show", "many")
    assert len(shown["history"]) == MANY
    assert shown["mlflow"]["pending"] == 0
    table = lanewise.run("show", "many").stdout
    assert f"and {MANY - 50} more" in table
    assert len(lanewise.json("best", "many", "--top", "1050")) == 1050


LONG = "".join(chr(ord("a") + place * place % 26) for place in range(20_000))
LONG_SWEEP = """
name: killed
train: own.py:train
objective: {{maximize: val_accuracy}}
space: {{x: {{float: [0, 1]}}, text: {{choice: [{text}, short]}}, nap: 0.02}}
sampler: random
scheduler: {{asha: {{eta: 3}}}}
executor: inline
budget: {{trials: 6, epochs: 9}}
"""


def test_a_value_of_20_kb_is_kept_whole_and_shown_cut(lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", LONG_SWEEP.format(text=LONG))
    kill_at(lanewise, 10, "run", "killed.yaml")
    before = view_of(lanewise, "killed")
    assert lanewise.json("resume", "killed")["status"] == "done"
    check_all(lanewise, "killed", before, 6)
    view = view_of(lanewise, "killed")
    long = {trial.number for trial in view.history if trial.params["text"] == LONG}
    assert long
    runs = children(mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", "killed"))
    for run in runs:
        number = int(run["tags"]["lanewise.trial"])
        shown = run["params"]["text"]
        (file,) = lanewise.home.glob(f"artifacts/**/{run['id']}/artifacts/config.json")
        whole = json.loads(file.read_text())
        assert whole == view.history.trials[number].params
        assert len(shown) == (6000 if number in long else len("short"))
        assert LONG.startswith(shown[:5000]) or number not in long
    assert lanewise.run("show", "killed").returncode == 0
    assert lanewise.run("show", "killed", "--trial", str(min(long))).returncode == 0
    assert lanewise.json("best", "killed")["params"]["text"] in (LONG, "short")
