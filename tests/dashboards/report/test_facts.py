"""The report's words and tables, before anything is drawn."""

from __future__ import annotations

import pytest

from lanewise.dashboards.report.facts import LONGEST_FAILURE, MOST_FAILURES, epochs_saved, gather
from lanewise.search.store.view import open_view
from lanewise.spaces import Choice, Float


@pytest.fixture
def view(lab):
    lab.write(lab.simulated(9))
    return open_view(lab.journal, "s1")


def cells(facts, column):
    place = facts.columns.index(column)
    return [row[place] for row in facts.rows]


def test_a_sweep_in_a_sentence(view, lab):
    facts = gather(view, lab.home)
    assert facts.sentence.startswith(
        "A search over 4 hyperparameters of mlp on sklearn:digits (1,797 rows) to maximize "
        "val_accuracy, with random as the sampler, asha as the scheduler; 9 trials: "
    )
    assert facts.sentence.endswith("on the inline executor. The sweep is done.")
    assert (facts.name, facts.status, facts.seq) == ("digits", "done", view.seq)


def test_the_best_and_how_to_get_it_out(view, lab):
    facts, best = gather(view, lab.home), view.history.best
    assert (facts.best.trial, facts.best.epoch) == (best.number, best.best[0])
    assert dict(facts.best.metrics).keys() == best.best_metrics.keys()
    assert facts.taking == f"lanewise best s1 --out best.yaml --home {lab.home.root}"
    assert "lw.load(\n    's1'," in facts.code
    compile(facts.code, "code", "exec")


def test_the_code_is_left_out_where_the_model_is_the_users(view, lab):
    view.launch.details["sweep_file"]["train"] = "own.py:train"
    assert gather(view, lab.home).code == ""


def test_every_trial_is_in_the_table_best_first(view, lab):
    facts = gather(view, lab.home)
    assert [cell.key for cell in cells(facts, "trial")] == [t.number for t in view.history.ranked()]
    values = [cell.key for cell in cells(facts, "val_accuracy")]
    assert values == sorted(values, reverse=True)
    assert dict(facts.constants) == {"batch_size": "64"}
    momentum = {cell.text: cell.key for cell in cells(facts, "optimizer.momentum")}
    assert momentum.pop("–") is None  # adam has none
    assert all(0 <= key <= 0.99 for key in momentum.values())


def test_what_was_spent(view, lab):
    spent = dict(gather(view, lab.home).spent)
    stopped = [trial for trial in view.history if trial.status == "stopped"]
    saved = sum(9 - trial.epoch for trial in stopped)
    assert saved > 0
    assert spent["epochs"] == str(view.history.spent)
    assert spent["trials"] == "9"
    assert spent["trials stopped early"] == str(len(stopped))
    share = saved / (saved + view.history.spent)
    assert spent["epochs saved by stopping early"] == f"{saved} ({share:.0%})"


def test_rates_are_by_the_minute_as_in_the_terminal(view, lab, monkeypatch):
    monkeypatch.setattr("lanewise.dashboards.report.facts.running_seconds", lambda view: 30.0)
    spent = dict(gather(view, lab.home).spent)
    assert spent["epochs per minute"] == str(2 * view.history.spent)
    assert not [name for name in spent if "second" in name]


def test_trials_cut_off_by_the_sweeps_end_saved_nothing(lab):
    sweep = lab.begun()
    run = sweep.ask()
    sweep.report(run.number, [(1, lab.curve(run.params, 1))])
    sweep.close("time")
    lab.take(sweep)
    history = open_view(lab.journal, "s1").history
    assert history.trials[0].status == "stopped"
    assert epochs_saved(history, 9) == 0


def test_an_interrupted_sweep_says_how_to_go_on(lab):
    sweep = lab.begun()
    run = sweep.ask()
    sweep.report(run.number, [(1, lab.curve(run.params, 1))])
    sweep.interrupt("Ctrl-C")
    lab.take(sweep)
    facts = gather(open_view(lab.journal, "s1"), lab.home)
    assert facts.status == "interrupted"
    assert any(command.startswith("lanewise resume s1") for _, command in facts.commands)
    assert facts.code == ""


def test_failures_are_told_once_the_most_frequent_first(failed, lab):
    long = "x" * 9000 + "\nValueError: the end"
    facts = gather(failed("rare", long, long), lab.home)
    assert facts.best is None
    assert [failure.trials for failure in facts.failures] == [(1, 2), (0,)]
    first = facts.failures[0]
    assert len(first.text) == LONGEST_FAILURE
    assert first.last_line == "ValueError: the end"
    assert {cell.text for cell in cells(facts, "outcome")} == {"failed: bug"}
    assert {cell.text for cell in cells(facts, "val_accuracy")} == {"–"}


def test_no_more_failures_than_one_reads(failed, lab):
    words = [chr(ord("a") + place) for place in range(MOST_FAILURES + 3)]
    facts = gather(failed(*(f"error {word}" for word in words)), lab.home)
    assert len(facts.failures) == MOST_FAILURES
    assert facts.failures_left == 3


def test_a_value_of_20_kb_is_cut_in_the_table(swept, lab):
    huge = "v" * 20_000
    view = swept(
        {"word": Choice([huge, "short"]), "x": Float(0, 1)},
        lambda params, epoch: {"val_accuracy": params["x"]},
        trials=8,
    )
    words = {cell.text for cell in cells(gather(view, lab.home), "word")}
    assert words == {"short", "v" * 119 + "…"}


def test_failures_that_differ_in_numbers_are_one_entry(failed, lab):
    facts = gather(failed(*(f"no room for {n} of 3{n} rows" for n in range(9)), "boom"), lab.home)
    assert [failure.trials for failure in facts.failures] == [tuple(range(9)), (9,)]
    assert [failure.differs for failure in facts.failures] == [True, False]
    assert facts.failures[0].last_line == "no room for 0 of 30 rows"


def test_a_traceback_begins_at_the_users_code(failed, lab):
    ours = '  File "/x/lanewise/trainables/trial.py", line 9, in run\n    build(config)\n'
    users = '  File "/home/ada/my.py", line 3, in build\n    raise ValueError("no")\n'
    text = f"Traceback (most recent call last):\n{ours}{users}ValueError: no"
    (failure,) = gather(failed(text, text), lab.home).failures
    assert "trial.py" not in failure.text
    assert users in failure.text
    assert failure.text.endswith("ValueError: no")


def test_metrics_have_the_digits_of_their_rows(view, lab):
    view.launch.details["data"]["parts"] = {"train": 1257, "val": 270, "test": 270}
    value = view.history.best.best[1]
    facts = gather(view, lab.home)
    assert facts.best.value == f"{value:.3f}"
    assert cells(facts, "val_accuracy")[0].text == f"{value:.3f}"
    assert cells(facts, "val_accuracy")[0].key == value  # sorted by all digits
    assert dict(facts.best.metrics)["loss"] == f"{view.history.best.best_metrics['loss']:.4g}"


def test_a_gan_is_judged_by_no_loss(swept, lab):
    def curves(params, epoch):
        return {"val_accuracy": params["x"], "train_loss": 0.7, "val_loss": 0.7}

    view = swept({"x": Float(0, 1)}, curves)
    assert gather(view, lab.home).best.fit.verdict == "underfits"
    view.launch.details["task"] = "generation"
    assert gather(view, lab.home).best.fit.verdict == "cannot tell"


def test_the_verdict_on_a_turned_curve_says_which_epoch_is_shown(swept, lab):
    def curves(params, epoch):
        rest = {"train_loss": 1 / epoch, "val_loss": 0.3 + 0.1 * abs(epoch - 3)}
        return {"val_accuracy": -abs(epoch - 3)} | rest

    fit = gather(swept({"x": Float(0, 1)}, curves, epochs=8), lab.home).best.fit
    assert fit.verdict == "overfits"
    assert fit.remedy.endswith("The metrics above are those of epoch 3, before the last of 8.")
