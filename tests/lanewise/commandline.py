"""Running the command line as people do: in a process of its own."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parent.parent.parent

# A function trains here, so that most of the tests need neither torch nor data.
TRAIN = """
import json, pathlib, tempfile, time

def train(config, report):
    done = 0
    if report.checkpoint:
        done = json.loads((pathlib.Path(report.checkpoint) / "state.json").read_text())["epoch"]
    for epoch in range(done + 1, 28):
        time.sleep(config.get("nap", 0))
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "state.json").write_text(json.dumps({"epoch": epoch}))
            report(epoch, checkpoint=folder, val_accuracy=value(config, epoch), val_loss=1 / epoch)

def value(config, epoch):
    return (1 - abs(config["x"] - 0.3)) * (1 - 0.5 ** epoch)
"""
SWEEP = """
name: small
train: own.py:train
objective: {maximize: val_accuracy}
space:
  x: {float: [0, 1]}
  hidden: {repeat: {times: [1, 2], of: {int: [4, 16]}}}
  lr: {float: [1e-3, 1e-1], log: true}
  optimizer: {choice: [adam, {sgd: {momentum: {float: [0.0, 0.9]}}}]}
sampler: random
scheduler: {asha: {eta: 3}}
budget: {trials: 8, epochs: 9}
report: false
"""
DIGITS = """
name: small
data: {source: "sklearn:digits"}
model: mlp
objective: {maximize: val_accuracy}
space:
  hidden: {repeat: {times: [1, 2], of: {int: [16, 64]}}}
  lr: {float: [1e-3, 1e-1], log: true}
  optimizer: {choice: [adam, {sgd: {momentum: {float: [0.0, 0.9]}}}]}
sampler: random
scheduler: {asha: {eta: 3}}
budget: {trials: 8, epochs: 9}
report: false
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from lanewise.main import main; main()", *arguments]


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "LANEWISE_"))}
    return {**kept, "LANEWISE_HOME": str(home)}


class Lanewise:
    """The command line in a folder of its own, with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.write("own.py", TRAIN)
        self.write("sweep.yaml", SWEEP)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=self.folder,
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=580,
        )

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)  # exactly one JSON value, nothing beside it

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """In a process group of its own, as a terminal starts a command.

        Its standard error goes to ``stderr`` in the folder.
        """
        with (self.folder / "stderr").open("wb") as stderr:
            return subprocess.Popen(
                command(*arguments),
                cwd=self.folder,
                env=environment(self.home) | variables,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes MLflow seconds, which each home would cost."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    code = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    run_python(code, f"sqlite:///{path}")
    return path


@pytest.fixture
def lanewise(tmp_path: Path, migrated: Path) -> Lanewise:
    """The command line in a new folder."""
    (tmp_path / "home").mkdir()
    shutil.copy(migrated, tmp_path / "home" / "mlflow.db")
    return Lanewise(tmp_path)


def mlflow_runs(uri: str, experiment: str) -> list[dict[str, Any]]:
    """All runs of an experiment by MLflow's own client, in a process without our code."""
    code = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name(sys.argv[2])
runs, token = [], None
while True:
    page = client.search_runs([experiment.experiment_id], page_token=token)
    runs += page
    token = page.token
    if not token:
        break
print(json.dumps([{
    "id": run.info.run_id, "status": run.info.status, "tags": dict(run.data.tags),
    "params": dict(run.data.params), "metrics": dict(run.data.metrics),
    "datasets": sorted([i.dataset.name, i.dataset.digest, *(t.value for t in i.tags)]
                       for i in run.inputs.dataset_inputs),
    "epochs": {
        key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
        for key in ("val_accuracy", "val_loss")
    },
} for run in runs]))
"""
    done = run_python(code, uri, experiment)
    found: list[dict[str, Any]] = json.loads(done)
    return found


# Imports MLflow, which takes seconds, once; each code that it is given runs in a fork of its own.
# A request is a line of JSON, [code, arguments, folder]; the answer is the exit status, and what
# was printed lies in the folder.
FORKS = """
import json, os, sys, traceback
import mlflow

print("ready", flush=True)
for line in sys.stdin:
    code, arguments, folder = json.loads(line)
    child = os.fork()
    if not child:
        failed = 1
        out, err = open(folder + "/stdout", "w"), open(folder + "/stderr", "w")
        with out as sys.stdout, err as sys.stderr:
            try:
                sys.argv = ["-c", *arguments]
                exec(compile(code, "code", "exec"), {"__name__": "__main__"})
                failed = 0
            except BaseException:
                traceback.print_exc()
        os._exit(failed)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def _end(process: subprocess.Popen[str]) -> None:
    with process:  # closes its pipes, and waits
        process.kill()


@functools.cache
def forks() -> subprocess.Popen[str]:
    """The process that makes them; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )

    atexit.register(_end, process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def run_python(code: str, *arguments: str) -> str:
    """What a code that may use MLflow prints, in a process without our code."""
    process = forks()
    assert process.stdin is not None
    assert process.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        try:
            process.stdin.write(json.dumps([code, arguments, folder]) + "\n")
            process.stdin.flush()
            status = process.stdout.readline()
        except BaseException:  # such as a test's time limit: the answer would be the next one's
            forks.cache_clear()
            _end(process)
            raise
        assert status == "0\n", (Path(folder) / "stderr").read_text()
        return (Path(folder) / "stdout").read_text()


def children(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if "mlflow.parentRunId" in run["tags"]]


def parents(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if "mlflow.parentRunId" not in run["tags"]]
