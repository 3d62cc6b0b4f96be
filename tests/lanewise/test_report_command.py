"""The report from the command line and from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lanewise import cli
from lanewise.result import Result
from lanewise.search.store.home import Home


@pytest.fixture
def done(lanewise):
    """A finished sweep without a report, and its summary."""
    small = ["budget.trials=3", "budget.epochs=3"]
    return lanewise, lanewise.json("run", "sweep.yaml", "--executor", "inline", *small)


def test_it_is_written_where_it_is_asked_for(done, capsys):
    lanewise, summary = done
    assert summary["report"] is None  # report: false
    home = ["--home", str(lanewise.home)]
    assert cli.run(["report", *home]) == 0
    path = lanewise.home / "reports" / f"{summary['sweep']}.html"
    assert capsys.readouterr().out == f"{path}\n"
    assert "<title>small: done" in path.read_text("utf-8")[:2000]
    assert cli.run(["show", *home, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(path)

    own = lanewise.folder / "deep" / "own.html"
    assert cli.run(["report", "small", *home, "--out", str(own)]) == 0
    assert capsys.readouterr().out == f"{own}\n"
    assert own.stat().st_size > 1_000_000

    result = Result(summary, [], Home(lanewise.home), lambda: pytest.fail("needs no plan"))
    before = path.stat().st_mtime_ns
    assert result.report() == path
    assert path.stat().st_mtime_ns == before  # it was there
    path.unlink()
    assert result.report() == path
    assert path.exists()


def test_what_cannot_be_reported_is_one_line(done, capsys):
    lanewise, _ = done
    home = ["--home", str(lanewise.home)]
    assert cli.run(["report", "nosuch", *home]) == 2
    assert "there is no sweep 'nosuch'" in capsys.readouterr().err
    inside_a_file = str(lanewise.folder / "sweep.yaml" / "x.html")
    assert cli.run(["report", *home, "--out", inside_a_file]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.startswith("lanewise: --out:")


@pytest.mark.long
def test_a_run_ends_with_its_report(lanewise):
    small = ["budget.trials=3", "budget.epochs=3", "report=true"]
    told = lanewise.run("run", "sweep.yaml", "--executor", "inline", "--quiet", *small)
    assert "reports/small-" in told.stdout.replace("\n", "").replace(" ", "")
    path = Path(lanewise.json("show")["report"])
    assert path.parent == lanewise.home / "reports"
    logged = list((lanewise.home / "artifacts").rglob("report.html"))
    assert [file.read_bytes() for file in logged] == [path.read_bytes()]
    assert lanewise.json("resume")["report"] == str(path)
