"""A password or token of MLflow's address is used and written down nowhere."""

from __future__ import annotations

import contextlib
import json
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import yaml
from commandline import Lanewise

from lanewise import sweepfile
from lanewise.cli import run
from lanewise.launch import Options, _launched
from lanewise.plan import make_plan
from lanewise.search.core import events as ev
from lanewise.search.store.home import Home

SECRET = "t0ps3cret"
ADDRESSES = {
    "a token": f"https://{SECRET}@mlflow.example.com/team",
    "a token with a colon": f"https://{SECRET}:@mlflow.example.com",
    "a password": f"http://me:{SECRET}@127.0.0.1:9",
    "a query": f"http://127.0.0.1:9/?access_token={SECRET}",
    "a database": f"postgresql://me:{SECRET}@127.0.0.1:9/runs",
}
SWEEP = """
name: small
train: own.py:train
objective: {maximize: val_accuracy}
space: {x: {float: [0, 1]}}
sampler: random
scheduler: none
executor: inline
budget: {trials: 1, epochs: 3}
report: false
mlflow: {tracking_uri: "ADDRESS", experiment: team}
"""


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_the_best_is_written_without_an_address_that_cannot_work(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Lanewise(tmp_path)
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home")
    file = sweepfile.parse(yaml.safe_load(SWEEP.replace("ADDRESS", address)), "sweep.yaml")
    launched = _launched(make_plan(file, tmp_path), Options(home), address)
    with closing(home.journal(create=True)) as journal:
        row = (1, {"val_accuracy": 0.5})
        stop = ev.Stop(ev.FINISHED)
        events = [ev.Asked(0, {"x": 0.25}, 3), ev.Reported(0, (row,), stop)]
        journal.append(launched.sweep, -1, [launched, *events, ev.Closed("done", "trials")])
    assert run(["best", "--out", "best.yaml", "--home", str(home.root)]) == 0
    said = capsys.readouterr()
    assert "mlflow.tracking_uri" in said.err
    assert "left out" in said.err
    written = Path("best.yaml").read_text()
    assert yaml.safe_load(written)["mlflow"] == {"experiment": "team"}
    assert "left out" in written
    assert sweepfile.read(Path("best.yaml")).mlflow.tracking_uri is None
    for words in (["show", "--json"], ["show"], ["ls", "--json"]):
        assert run([*words, "--home", str(home.root)]) == 0
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err + said.out + said.err + written
    assert all(SECRET.encode() not in path.read_bytes() for path in files(home.root))


def test_an_address_without_secrets_is_kept(tmp_path: Path) -> None:
    """Written by another release, too, which masked less."""
    from lanewise.describe import _leave_out_secret

    body = {"mlflow": {"tracking_uri": "http://127.0.0.1:5000"}}
    assert _leave_out_secret(body) == ""
    assert body == {"mlflow": {"tracking_uri": "http://127.0.0.1:5000"}}
    body = {"mlflow": {"tracking_uri": f"https://{SECRET}@host"}}
    assert SECRET not in _leave_out_secret(body)
    assert body == {"mlflow": {}}


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.long
@pytest.mark.parametrize("how", ["a token", "a password", "a query"])
def test_no_process_file_or_line_has_the_secret(how: str, lanewise: Lanewise) -> None:
    """The server does not answer, so that all there is to say of the address is said."""
    address = ADDRESSES[how].replace("mlflow.example.com/team", "127.0.0.1:9")
    lanewise.write("sweep.yaml", SWEEP.replace("ADDRESS", address.replace("https", "http")))
    lanewise.write(
        "own.py", (lanewise.folder / "own.py").read_text().replace('get("nap", 0)', 'get("nap", 2)')
    )
    process = lanewise.start("run", "sweep.yaml")
    log = lanewise.home / "projector.log"
    seen = False
    while process.poll() is None:
        for each in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                assert SECRET not in str(each.cmdline())
        if seen := log.exists() and "127.0.0.1:9" in log.read_text():
            break
    process.kill()
    process.wait()
    assert seen
    shown = lanewise.json("show")
    assert shown["mlflow"]["pending"]
    refused = lanewise.run("resume")
    assert refused.returncode == 2
    assert "MLFLOW_TRACKING_URI" in refused.stderr
    said = json.dumps(shown) + refused.stderr + (lanewise.folder / "stderr").read_text()
    assert SECRET not in said
    assert [path for path in files(lanewise.home) if SECRET.encode() in path.read_bytes()] == []
