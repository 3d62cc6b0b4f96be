"""The replay of recorded trainings: what is shown, who plays, and how it is judged."""

from __future__ import annotations

import numpy as np
import pytest
from regret import Played, holm, main, one_sided, play, tables, worse_by_chance

from lanewise.spaces import Choice, Float, Int, Space
from replay.contenders import BY_EPOCHS, BY_TRIALS, Session
from replay.tasks import Nearest, Replica, Task, task

SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "layers": Int(1, 3),
        "optimizer": Choice([{"sgd": {"momentum": Float(0, 1)}}, "adam"]),
    }
)
ADAM, SGD = {"name": "adam"}, {"name": "sgd", "momentum": 0.5}
PARAMS = [
    {"lr": 1e-4, "layers": 1, "optimizer": ADAM},
    {"lr": 1e-1, "layers": 3, "optimizer": ADAM},
    {"lr": 1e-4, "layers": 1, "optimizer": SGD},
]


def made():
    """Three configurations of which the middle one is the best, in epoch 2."""
    losses = np.array([[[3.0, 2.0, 2.0]], [[4.0, 1.0, 1.5]], [[5.0, 5.0, 5.0]]])
    return Task("made", SPACE, losses, losses + 10, Nearest(SPACE, PARAMS))


def test_the_nearest_configuration_is_the_nearest_on_each_scale():
    nearest = Nearest(SPACE, PARAMS)
    assert [nearest(config) for config in PARAMS] == [0, 1, 2]
    assert nearest({"lr": 1e-3, "layers": 1, "optimizer": ADAM}) == 0
    assert nearest({"lr": 1e-2, "layers": 2, "optimizer": ADAM}) == 1
    assert nearest({"lr": 1e-3, "layers": 2, "optimizer": {"name": "sgd", "momentum": 0.0}}) == 2


def test_regret_is_0_at_the_best_and_1_at_the_median_configuration():
    replica = made().of_seed(7)
    assert (replica.regret(1.0), replica.regret(2.0), replica.regret(5.0)) == (0, 1, 4)
    assert (replica.test_regret(1, 2), replica.test_regret(0, 2)) == (0, 1)


def test_a_session_keeps_what_was_trained_in_that_order():
    session = Session(made().of_seed(0))
    assert session.epoch(PARAMS[0], 1) == 3.0
    assert session.whole(PARAMS[1]) == 1.0
    assert (session.losses, session.rows) == ([3.0, 1.0], [(0, 1), (1, 2)])


def test_seeds_see_the_replicas_in_turn():
    curves = task("table")
    assert isinstance(curves.of_seed(0), Replica)
    np.testing.assert_array_equal(curves.of_seed(5).losses, curves.losses[:, 2])
    assert curves.epochs == 27


@pytest.mark.parametrize("contender", ["random", "tpe"])
def test_a_replay_by_trials_ends_below_the_median(contender):
    run = play("trials", contender, BY_TRIALS[contender], "table", 0, 20)
    assert len(run.regrets) == 20
    assert list(run.regrets) == sorted(run.regrets, reverse=True)
    assert 0 <= run.regrets[-1] < 1  # 20 configurations are all worse than the median once in 10^6
    assert run == Played(**{**vars(play(*_again(run), "table", 0, 20)), "seconds": run.seconds})


def _again(run):
    return "trials", run.contender, BY_TRIALS[run.contender]


@pytest.mark.parametrize("contender", ["random, asha", "tpe, hyperband"])
def test_a_replay_by_epochs_trains_so_many_and_some_not_to_their_end(contender):
    session = Session(task("table").of_seed(1))
    BY_EPOCHS[contender](session, 1, 4 * 27)
    assert 4 * 27 <= len(session.losses) < 5 * 27
    assert len({row for row, _ in session.rows}) > 4


def test_pairs_of_which_ours_are_always_higher_are_no_chance():
    theirs = [float(number) for number in range(20)]
    ours = [value + 1 + value / 100 for value in theirs]
    assert one_sided(ours, theirs) < 1e-4
    assert one_sided(theirs, ours) > 0.99
    assert one_sided(ours, ours) == 1
    assert worse_by_chance({"a": ours, "b": ours}, {"a": theirs, "b": ours})["b"] == 1


def test_holm_corrects_the_smallest_most():
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == pytest.approx(
        {"b": 0.03, "c": 0.06, "a": 0.06}
    )


def test_runs_become_tables_with_a_verdict(tmp_path, capsys):
    out = tmp_path / "regret.jsonl"
    arguments = ["--tasks", "table", "--seeds", "2", "--trials", "12", "--epochs", "54"]
    main([*arguments, "--contenders", "random;tpe;random, asha", "--out", str(out)])
    first = capsys.readouterr().out
    assert "| random | " in first
    assert "| after 54 epochs | random, asha |" in first
    assert len(out.read_text().splitlines()) == 6
    main([*arguments, "--contenders", "random;tpe;random, asha", "--out", str(out)])
    assert capsys.readouterr().out == first  # nothing is played twice


def test_the_verdict_names_the_tasks_on_which_ours_is_worse():
    def runs(contender, regret):
        each = (
            Played("trials", contender, "car", s, (regret + s / 100,), None, 1.0) for s in range(20)
        )
        return list(each)

    lines = "\n".join(tables(runs("tpe", 0.5) + runs("Optuna TPE", 0.4), "trials", 1))
    assert "tpe is significantly worse than Optuna TPE on car." in lines
    assert "tpe 0.5950, Optuna TPE 0.4950, -20.2%" in lines
    assert "on no task" in "\n".join(
        tables(runs("tpe", 0.3) + runs("Optuna TPE", 0.4), "trials", 1)
    )
