"""The comparison's machinery: who takes part, what is kept, what is compared; and a small run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from auto import KNOWN, against_the_better
from auto import table as auto_table
from quality import table as quality_table

from comparison import wide
from comparison.contenders import DEFAULT, EXECUTORS, find
from comparison.records import Results, Run, Settings
from comparison.rounds import parse, schedule
from comparison.table import CLOCKS, RATIOS, ratios, table
from lanewise.plan import make_plan
from lanewise.sweepfile import SweepFile, read

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
SETTINGS = Settings(0, "a machine", "some versions")
DRAINED, KNOWN_BEST = CLOCKS["to drained"], CLOCKS["to best known"]


def finished(
    contender: str, seconds: float, round: int = 0, trials: int = 64, ended: int = 0
) -> Run:
    statuses = {"FINISHED": ended or trials}
    return Run(contender, round, trials, seconds, 4.0, statuses, 5 * trials, 0.98, 0.0)


def asked_of(*arguments: str) -> dict[str, tuple[int, int]]:
    """(trials, rounds) by contender."""
    asked = parse(arguments, "compare", None).contenders
    return {contender.name: (contender.trials, contender.rounds) for contender in asked}


def test_an_unknown_contender_is_one_line_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="did you mean ray-reuse"):
        find("ray-reuze")


def test_every_executor_of_lanewise_can_take_part() -> None:
    assert {*get_args(SweepFile.model_fields["executor"].annotation)} <= {*EXECUTORS}
    for executor in EXECUTORS:
        command = find(f"lanewise-{executor}").command(2, 0, Path("/home"))
        assert command[-5:] == ["--executor", executor, "--home", "/home", "--json"]
    assert [find(name).name for name in DEFAULT] == list(DEFAULT)


def test_packs_are_not_held_to_two_trials_at_a_time(tmp_path: Path) -> None:
    peers, packed = (find(f"lanewise-{executor}") for executor in ("tune", "packed"))
    overrides = {
        contender.name: [word for word in contender.command(2, 0, tmp_path) if "=" in word]
        for contender in (peers, packed)
    }
    file = packed.lay_out(tmp_path)
    assert read(file, overrides["lanewise-tune"]).max_concurrent == 2
    assert read(file, overrides["lanewise-packed"]).max_concurrent is None


def test_each_contender_has_a_number_of_trials_and_rounds_of_its_own() -> None:
    assert asked_of() == {
        "lanewise-packed": (1000, 5),
        "ray-documented": (16, 5),
        "ray-reuse": (64, 5),
        "optuna-sqlite": (300, 5),
        "optuna-memory": (1000, 5),
    }


def test_what_is_given_for_one_wins_over_what_is_given_for_everyone() -> None:
    few = ("--contenders", "lanewise-packed,ray-reuse", "--rounds", "ray-reuse=1")
    given = asked_of(*few, "--trials", "ray-reuse=8", "--trials", "20", "--rounds", "3")
    assert given == {"lanewise-packed": (20, 3), "ray-reuse": (8, 1)}
    assert asked_of(*few) == {"lanewise-packed": (1000, 5), "ray-reuse": (64, 1)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--trials", "0"], "0 is not 1 or more"),
        (["--trials", "ray-reuze=3"], "did you mean ray-reuse"),
        (["--contenders", "ray-reuse", "--rounds", "optuna-memory=3"], "takes no part"),
    ],
)
def test_a_wrong_number_is_refused(
    given: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(given, "compare", None)
    assert message in capsys.readouterr().err


def test_everyone_runs_once_a_round_and_each_begins_one() -> None:
    names = "optuna-memory,ray-reuse,lanewise-tune"
    asked = parse(["--contenders", names, "--rounds", "3"], "compare", None).contenders
    rounds = [[c.name for n, c in schedule(asked) if n == number] for number in range(3)]
    assert rounds[1] == ["ray-reuse", "lanewise-tune", "optuna-memory"]
    assert {each[0] for each in rounds} == set(rounds[0])
    assert all(sorted(each) == sorted(rounds[0]) for each in rounds)


def test_a_slow_contender_may_sit_rounds_out() -> None:
    few = ["--contenders", "optuna-memory,ray-reuse", "--rounds", "3", "--rounds", "ray-reuse=1"]
    order = [(n, c.name) for n, c in schedule(parse(few, "compare", None).contenders)]
    assert [number for number, name in order if name == "ray-reuse"] == [0]
    assert [number for number, name in order if name == "optuna-memory"] == [0, 1, 2]


def test_ratios_are_taken_within_a_round_from_complete_runs() -> None:
    base = [finished("a", 10, round=0), finished("a", 20, round=1), finished("a", 9, round=2)]
    other = [
        finished("b", 40, round=0),
        finished("b", 30, round=1),
        finished("b", 5, round=2, ended=63),  # one trial is not in MLflow
        finished("b", 50, round=3),  # the other one is still to come
    ]
    for ratio in RATIOS.values():
        assert ratios(other, base, ratio, DRAINED) == pytest.approx([4.0, 1.5])


def test_what_each_ratio_compares() -> None:
    # 4 s of start-up, then 1 s a trial and 0.2 s an epoch; Lanewise 0.5 s a trial.
    few, many = finished("b", 4 + 16, trials=16), finished("a", 4 + 32)
    found = {name: ratio(few, many, DRAINED) for name, ratio in RATIOS.items()}
    assert found["a trial"] == pytest.approx((20 / 16) / (36 / 64))
    assert found["start-up spread"] == pytest.approx((1 + 4 / 64) / (36 / 64))
    assert found["an epoch"] == pytest.approx((20 / 80) / (36 / 320))


def test_the_best_is_known_at_the_peers_end_and_at_our_last_decision() -> None:
    peers, ours = finished("b", 40), replace(finished("a", 20), best_known=10.0)
    ratio = RATIOS["a trial"]
    assert ratios([peers], [ours], ratio, DRAINED) == [2.0]
    assert ratios([peers], [ours], ratio, KNOWN_BEST) == [4.0]


def test_a_running_trial_makes_a_run_incomplete() -> None:
    run = Run("a", 0, 2, 1.0, 0.5, {"FINISHED": 1, "RUNNING": 1}, 9, 0.9, 0.0)
    assert not run.is_complete


def test_the_table_says_what_was_compared() -> None:
    runs = {
        "optuna-memory": [finished("optuna-memory", 32)],
        "lanewise-tune": [replace(finished("lanewise-tune", 16), best_known=8.0, occupied=0.97)],
        "ray-documented": [finished("ray-documented", 64, trials=16)],
        "ray-reuse": [finished("ray-reuse", 32, ended=60)],
    }
    shown = table(SETTINGS, [find(name) for name in runs], runs).splitlines()
    optuna, lanewise, documented, reuse = shown[2:6]
    assert optuna.split(" | ")[1:5] == ["64", "0.500", "0.438", "0.500"]
    assert optuna.endswith("| none |")
    assert "| 0.125 |" in lanewise
    assert "16 FINISHED" in documented
    assert "1 of 1 rounds incomplete" in reuse
    against = {line.split(" | ")[0]: line.split(" | ")[1:] for line in shown[8:]}
    assert "Times as long as lanewise-tune" in shown[7]
    assert against["| optuna-memory"][0] == "2.00 (2.00 to 2.00)"
    assert against["| optuna-memory"][3] == "4.00 (4.00 to 4.00)"
    assert against["| ray-reuse"][0] == "not compared"
    assert "| lanewise-tune" not in against
    rest = "".join(shown[8:])
    assert "a machine; some versions" in rest
    assert "Lanes of lanewise-tune in use: 0.970" in rest
    assert "not quiet" not in rest


def test_the_table_warns_of_a_busy_machine() -> None:
    runs = {"lanewise-tune": [replace(finished("lanewise-tune", 16), busy=0.4)]}
    shown = table(SETTINGS, [find("lanewise-tune")], runs)
    assert "at most 40%). The machine was not quiet" in shown


def test_a_contender_without_runs_is_in_the_table_too() -> None:
    runs = {"lanewise-tune": [], "ray-reuse": [finished("ray-reuse", 9)]}
    shown = table(SETTINGS, [find(name) for name in runs], runs)
    assert "| lanewise-tune | not measured |" in shown
    assert "not compared" in shown


def test_quality_is_the_median_of_the_best_accuracies() -> None:
    ours = [replace(finished("lanewise-packed", 9, round=n), best=0.9 + n / 100) for n in range(3)]
    theirs = [replace(finished("ray-reuse", 9, round=n), best=0.9) for n in range(3)]
    runs = {"lanewise-packed": ours, "ray-reuse": theirs}
    shown = quality_table(SETTINGS, [find(name) for name in runs], runs)
    assert "| 0.9100 (0.9000 to 0.9200) | +0.0000 |" in shown
    assert "median is +0.0100 above the best other one" in shown


def test_auto_is_measured_by_the_better_of_the_two() -> None:
    runs: dict[str, list[Run]] = {name: [] for name in KNOWN}
    for number, (packed, tune, auto) in enumerate([(10, 20, 10), (20, 10, 20)]):
        runs["wide-packed"].append(finished("wide-packed", packed, round=number))
        runs["wide-tune"].append(finished("wide-tune", tune, round=number))
        runs["wide-auto"].append(finished("wide-auto", auto, round=number))
    runs["wide-auto"].append(finished("wide-auto", 5, round=2))  # the others are still to come
    assert against_the_better(runs, "wide", DRAINED) == [1.0, 0.5]
    assert against_the_better(runs, "digits", DRAINED) == []
    shown = auto_table(SETTINGS, list(KNOWN.values()), runs)
    assert "| wide-auto | 12 | 10.0 | 0.75 (0.50 to 1.00) |" in shown
    assert "| digits-auto | 200 | not measured | not compared |" in shown


def test_the_wide_workload_is_what_it_says(tmp_path: Path) -> None:
    plan = make_plan(read(wide.lay_out(tmp_path)), tmp_path)
    assert plan.prepared is not None
    (fold,) = plan.prepared.folds
    assert fold.x_train.shape == (3200, 784)
    assert fold.x_val.shape == (800, 784)
    (_, config), *_ = plan.spec.space.probes()
    assert list(config["hidden"]) == [512, 512]
    assert config["batch_size"] == 256


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
    results = Results(path, SETTINGS, go_on=False)
    with pytest.raises(ValueError, match="exists"):
        Results(path, SETTINGS, go_on=False)
    with pytest.raises(ValueError, match="seed was 0, and is 1 now"):
        Results(path, replace(SETTINGS, seed=1), go_on=True)
    results.add(finished("a", 10))
    results.expect("a", 64)
    results.expect("b", 16)
    with pytest.raises(ValueError, match="trials of a were 64, and are 16 now"):
        results.expect("a", 16)


def run(script: str, *arguments: str, within: float = 280) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(call, capture_output=True, text=True, timeout=within)


@pytest.mark.long
def test_a_small_comparison_from_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    asked = ["--trials", "3", "--trials", "optuna-memory=2", "--rounds", "1", "--out", str(out)]
    asked += ["--contenders", "optuna-memory,lanewise-inline"]
    done = run("compare.py", *asked)
    assert done.returncode == 0, done.stderr
    _, *lines = out.read_text().splitlines()
    optuna, lanewise = (Run(**json.loads(line)) for line in lines)
    assert optuna.is_complete
    assert optuna.trials == 2
    assert lanewise.is_complete
    assert lanewise.statuses == {"FINISHED": 3}
    for each in (optuna, lanewise):
        assert 0 < each.startup < each.seconds
        assert each.trials <= each.epochs <= each.trials * 27
        assert 0 < each.best <= 1
    assert lanewise.best_known is not None
    assert lanewise.startup <= lanewise.best_known <= lanewise.seconds
    assert lanewise.occupied is not None
    assert 0.5 < lanewise.occupied <= 1  # one lane, never empty but between two trials
    assert "| optuna-memory |" in done.stdout
    again = run("compare.py", *asked, "--continue", within=60)
    assert again.stdout == done.stdout  # nothing was run again


@pytest.mark.long
def test_a_small_run_of_the_other_comparisons(tmp_path: Path) -> None:
    small = ["--trials", "2", "--rounds", "1", "--out"]
    who = ["--contenders", "lanewise-inline,optuna-memory"]
    quality = run("quality.py", *small, str(tmp_path / "quality.jsonl"), *who)
    assert quality.returncode == 0, quality.stderr
    assert "lanewise-inline's median is" in quality.stdout
    auto = run("auto.py", *small, str(tmp_path / "auto.jsonl"), "--contenders", "wide-tune")
    assert auto.returncode == 0, auto.stderr
    assert "| wide-tune | 2 |" in auto.stdout


@pytest.mark.long
def test_the_lanes_of_a_small_sweep() -> None:
    done = run("occupancy.py", "--trials", "3", "--executor", "inline")
    assert done.returncode == 0, done.stderr
    assert "of 1 lanes (the most at once) occupied" in done.stdout
