"""The comparison's machinery: who takes part, what is kept, what is compared; and a small run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from compare import parse, schedule

from comparison.contenders import DEFAULT, find
from comparison.records import Results, Run, Settings
from comparison.table import ratios, table

COMPARE = Path(__file__).parent.parent.parent / "benchmarks" / "compare.py"
SETTINGS = Settings(64, 16, 0, "a machine", "some versions")


def finished(
    contender: str, seconds: float, round: int = 0, trials: int = 64, ended: int = 0
) -> Run:
    statuses = {"FINISHED": ended or trials}
    return Run(contender, round, trials, seconds, 4.0, statuses, 5 * trials, 0.98, 0.0)


def test_an_unknown_contender_is_one_line_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="did you mean ray-reuse"):
        find("ray-reuze")


def test_every_executor_of_lanewise_can_take_part() -> None:
    assert find("lanewise-inline").command(2, 0, Path("/home"))[-3:] == [
        "--home",
        "/home",
        "--json",
    ]
    assert [find(name).name for name in DEFAULT] == list(DEFAULT)


def test_everyone_runs_once_a_round_and_each_begins_one() -> None:
    asked = parse(["--contenders", "optuna-memory,ray-reuse,lanewise-tune"]).contenders
    rounds = [[c.name for n, c in schedule(asked, 3) if n == number] for number in range(3)]
    assert rounds[1] == ["ray-reuse", "lanewise-tune", "optuna-memory"]
    assert {each[0] for each in rounds} == set(rounds[0])
    assert all(sorted(each) == sorted(rounds[0]) for each in rounds)


def test_ratios_are_taken_within_a_round_from_complete_runs() -> None:
    base = [finished("a", 10, round=0), finished("a", 20, round=1), finished("a", 9, round=2)]
    other = [
        finished("b", 40, round=0),
        finished("b", 30, round=1),
        finished("b", 5, round=2, ended=63),  # one trial is not in MLflow
        finished("b", 50, round=3),  # the other one is still to come
    ]
    assert ratios(other, base, 64) == pytest.approx([4.0, 1.5])


def test_fewer_trials_do_not_carry_more_of_the_start() -> None:
    # 4 s of start-up and 1 s a trial: as long a trial as in a sweep of 64.
    assert finished("slow", 4 + 16, trials=16).per_trial(64) == pytest.approx(1 + 4 / 64)
    assert finished("same", 68).per_trial(64) == pytest.approx(68 / 64)


def test_a_running_trial_makes_a_run_incomplete() -> None:
    run = Run("a", 0, 2, 1.0, 0.5, {"FINISHED": 1, "RUNNING": 1}, 9, 0.9, 0.0)
    assert not run.is_complete


def test_the_table_says_what_was_compared() -> None:
    runs = {
        "optuna-memory": [finished("optuna-memory", 32)],
        "lanewise-tune": [finished("lanewise-tune", 16)],
        "ray-documented": [finished("ray-documented", 64, trials=16)],
        "ray-reuse": [finished("ray-reuse", 32, ended=60)],
    }
    shown = table(SETTINGS, runs, ["lanewise-tune", "ray-documented", "ray-reuse"])
    head, _, optuna, lanewise, documented, reuse, *rest = shown.splitlines()
    assert "times lanewise-tune" in head
    assert optuna.split(" | ")[1:3] == ["0.500", "0.438"]
    assert "2.00 (2.00 to 2.00)" in optuna
    assert "64 FINISHED" in lanewise
    assert "16 FINISHED" in documented
    assert "not compared" in reuse
    assert "1 of 1 rounds incomplete" in reuse
    assert "ray-documented: measured with 16 trials" in shown
    assert "a machine; some versions" in "".join(rest)
    assert "not quiet" not in shown


def test_the_table_warns_of_a_busy_machine() -> None:
    runs = {"lanewise-tune": [replace(finished("lanewise-tune", 16), busy=0.4)]}
    assert "at most 40%). The machine was not quiet" in table(SETTINGS, runs, ["lanewise-tune"])


def test_a_contender_without_runs_is_in_the_table_too() -> None:
    shown = table(SETTINGS, {"lanewise-tune": [], "ray-reuse": [finished("ray-reuse", 9)]}, [])
    assert "| lanewise-tune | not measured |" in shown
    assert "not compared" in shown


def test_results_are_kept_run_by_run_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    results = Results(path, SETTINGS, go_on=False)
    results.add(finished("a", 10))
    again = Results(path, SETTINGS, go_on=True)
    assert again.runs == results.runs
    assert again.has("a", 0)
    assert not again.has("a", 1)
    assert not again.has("b", 0)


def test_a_run_that_was_cut_off_in_writing_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    results = Results(path, SETTINGS, go_on=False)
    results.add(finished("a", 10))
    results.add(finished("b", 10))
    path.write_text(path.read_text()[:-9])
    again = Results(path, SETTINGS, go_on=True)
    assert [run.contender for run in again.runs] == ["a"]
    again.add(finished("b", 11))
    assert [r.seconds for r in Results(path, SETTINGS, go_on=True).runs] == [10, 11]


def test_results_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(ValueError, match="nothing to continue"):
        Results(path, SETTINGS, go_on=True)
    Results(path, SETTINGS, go_on=False)
    with pytest.raises(ValueError, match="exists"):
        Results(path, SETTINGS, go_on=False)
    with pytest.raises(ValueError, match="seed was 0, and is 1 now"):
        Results(path, Settings(64, 16, 1, "a machine", "some versions"), go_on=True)


@pytest.mark.long
def test_a_small_comparison_from_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    asked = ["--trials", "2", "--repeats", "1", "--contenders", "optuna-memory,lanewise-inline"]
    call = [sys.executable, str(COMPARE), *asked, "--out", str(out)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    _, *lines = out.read_text().splitlines()
    optuna, lanewise = (Run(**json.loads(line)) for line in lines)
    assert optuna.is_complete
    assert lanewise.is_complete
    assert lanewise.statuses == {"FINISHED": 2}
    for run in (optuna, lanewise):
        assert 0 < run.startup < run.seconds
        assert 2 <= run.epochs <= 2 * 27
        assert 0 < run.best <= 1
    assert lanewise.best_known is not None
    assert lanewise.best_known <= lanewise.seconds
    assert "| optuna-memory |" in done.stdout
    again = subprocess.run([*call, "--continue"], capture_output=True, text=True, timeout=60)
    assert again.stdout == done.stdout  # nothing was run again
