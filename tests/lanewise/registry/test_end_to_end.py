"""A raw CSV with gaps and words, and every way to ask a promoted model: all answers are equal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
from commandline import Lanewise, environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SWEEP = """
name: loans
data: {source: "csv:loans.csv", target: paid}
model: mlp
objective: {maximize: val_accuracy}
space: {lr: {float: [1e-3, 1e-1], log: true}, hidden: [8]}
sampler: random
executor: inline
budget: {trials: 2, epochs: 5}
report: false
"""
# By MLflow's own API, of the rows as pandas reads them without being told of any type.
PYFUNC = """
import sys, json, mlflow, pandas as pd
model = mlflow.pyfunc.load_model("models:/loans@champion")
rows = pd.read_json(sys.argv[1], orient="records", dtype=False)
print(json.dumps(model.predict(rows).to_dict("list")))
"""
# Of the exported folder, in a process that finds nothing of Lanewise but what is in it.
ALONE = """
import sys, json, pathlib
sys.path.insert(0, sys.argv[1])
from lanewise.trainables.export.runtime import ExportedModel
rows = json.loads(pathlib.Path(sys.argv[2]).read_text())
(folder,) = [path.parent for path in pathlib.Path(sys.argv[1]).rglob("model.onnx")]
print(json.dumps([answer["label"] for answer in ExportedModel.read(folder).answers(rows)]))
assert not {"torch", "pandas", "mlflow", "ray"} & set(sys.modules)
"""


def loans(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    income = rng.integers(10, 99, rows)
    frame = pd.DataFrame(
        {
            "income": pd.array(income, "Int64"),
            "owner": pd.array(rng.random(rows) < 0.5, "boolean"),
            "job": rng.choice(["baker", "pilot", "judge, senior"], rows).astype(object),
            "debt": rng.normal(size=rows).round(3),
        }
    )
    frame["paid"] = np.where(income + 30 * rng.random(rows) > 70, "yes", "no")
    for name in frame.columns[:-1]:
        frame[name] = frame[name].mask(pd.Series(rng.random(rows) < 0.15))
    return frame


def as_json(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a client sends them: null for a gap."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


@contextmanager
def serving(command: list[str], url: str, env: Mapping[str, str], folder: Path) -> Iterator[None]:
    """A server, in a process group of its own, from its first answer on."""
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until = time.monotonic() + 240
        while True:
            try:
                urlopen(url, timeout=5).close()
                break
            except (URLError, OSError):
                assert server.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < until, (folder / "server.log").read_text()
                time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def variables(lanewise: Lanewise) -> dict[str, str]:
    """Of MLflow's own commands and API."""
    uri = f"sqlite:///{lanewise.home}/mlflow.db"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # of uvicorn
    return environment(lanewise.home) | {"MLFLOW_TRACKING_URI": uri, "PATH": path}


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def post(url: str, body: object) -> Any:
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_csv_becomes_a_service(lanewise: Lanewise, tmp_path: Path) -> None:
    loans(160, 0).to_csv(tmp_path / "loans.csv", index=False)
    new = loans(30, 1).drop(columns="paid")
    new.to_csv(tmp_path / "new.csv", index=False)
    rows = as_json(new)
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    lanewise.write("loans.yaml", SWEEP)
    assert lanewise.run("run", "loans.yaml", "--quiet").returncode == 0
    told = lanewise.json("promote", "loans", "--name", "loans")
    assert (told["version"], told["unexported"]) == (1, None)
    assert {each["name"] for each in told["variants"]} >= {"float32", "int8-dynamic"}

    done = lanewise.run("predict", "loans@champion", "new.csv")
    expected = done.stdout.split()[1:]
    assert done.returncode == 0, done.stderr
    assert set(expected) == {"yes", "no"}
    env = variables(lanewise)
    python = [sys.executable, "-c"]

    asked = [*python, PYFUNC, str(tmp_path / "rows.json")]
    answer = subprocess.run(asked, env=env, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout.splitlines()[-1])["prediction"] == expected

    port = free_port()
    served = [*python, "from lanewise.main import main; main()", "serve", "loans@champion"]
    url = f"http://127.0.0.1:{port}"
    with serving([*served, "--port", str(port)], f"{url}/health", env, tmp_path):
        answers = post(f"{url}/predict", {"rows": rows})
    assert (answers["model"], str(answers["version"])) == ("loans", "1")
    assert [each["label"] for each in answers["predictions"]] == expected

    assert lanewise.run("export", "loans@champion", "folder").returncode == 0
    alone = [
        sys.executable,
        "-I",
        "-c",
        ALONE,
        str(tmp_path / "folder"),
        str(tmp_path / "rows.json"),
    ]
    answer = subprocess.run(alone, cwd="/", capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == expected

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    served = ["-m", "mlflow", "models", "serve", "-m", "models:/loans@champion"]
    served += ["--env-manager", "local", "-p", str(port), "-w", "1"]
    with serving([sys.executable, *served], f"{url}/ping", env, tmp_path):
        answers = post(f"{url}/invocations", {"dataframe_records": rows})
        one = post(f"{url}/invocations", {"dataframe_records": rows[:1]})
    assert [each["prediction"] for each in answers["predictions"]] == expected
    assert one["predictions"] == answers["predictions"][:1]


def test_a_module_that_does_not_export_is_promoted_as_a_bundle(
    lanewise: Lanewise, tmp_path: Path
) -> None:
    loans(160, 0).to_csv(tmp_path / "loans.csv", index=False)
    loans(10, 1).drop(columns="paid").to_csv(tmp_path / "new.csv", index=False)
    lanewise.write("branching.py", BRANCHING)
    lanewise.write(
        "own.yaml", SWEEP.replace("mlp", "branching.py:build").replace(", hidden: [8]", "")
    )
    assert lanewise.run("run", "own.yaml", "--quiet").returncode == 0
    told = lanewise.json("promote", "loans", "--name", "own")
    assert (told["variant"], told["variants"]) == ("pytorch", [])
    assert "branching.py" in told["unexported"]
    assert "\n" not in told["unexported"]
    by_name, by_sweep = (
        lanewise.run("predict", source, "new.csv").stdout for source in ("own@champion", "loans")
    )
    assert by_name == by_sweep
    assert len(by_name.split()) == 11
    pyfunc = PYFUNC.replace("loans@", "own@")
    (tmp_path / "rows.json").write_text(json.dumps(as_json(pd.read_csv(tmp_path / "new.csv"))))
    env = variables(lanewise)
    asked = [sys.executable, "-c", pyfunc, str(tmp_path / "rows.json")]
    answer = subprocess.run(asked, env=env, capture_output=True, text=True, check=True).stdout
    assert json.loads(re.findall(r"^{.*", answer, re.M)[-1])["prediction"] == by_name.split()[1:]
    tight = lanewise.run("promote", "loans", "--name", "own", "--max-size", "1MB")
    assert tight.returncode == 3
    assert "it does not export, so nothing of it is within limits" in tight.stderr


BRANCHING = """
import torch
from torch import nn


class Branching(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        if x.sum().item() > 0:  # which no export can follow
            x = x * 1.5
        return self.linear(x)


def build(config, info):
    return Branching(info.input_shape[0], info.outputs)
"""
