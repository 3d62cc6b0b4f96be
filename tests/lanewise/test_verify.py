"""Verified selection: the best trials trained again."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

import lanewise as lw
from lanewise import sweepfile
from lanewise.errors import SweepFileError
from lanewise.search.control.simulate import simulate
from lanewise.search.core import events as ev
from lanewise.search.core.events import Failure
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space
from lanewise.verify import Request, _candidates, _folds, ranked

STARTS = [{"x": 0.1}, {"x": 0.2}, {"x": 0.3}]
REQUEST = Request(top=3, seeds=2, folds=2)


def journaled(journal, name, curve, details=None, fails=()):
    """A sweep of STARTS, each trained for 3 epochs; its view."""
    spec = Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("acc", "max"),),
        budget=Budget(3, 3),
        sampler=Plugin("random"),
        scheduler=Plugin("none"),
        start=tuple(STARTS),
    )
    sweep = make_sweep(spec)
    sweep.opened("inline", "asked for", {})
    failing = [sweep.ask().number for _ in range(len(fails))]
    for number in failing:
        sweep.fail(number, Failure("bug", "boom"))
    events = simulate(sweep, curve)
    journal.append(name, -1, [ev.Launched(name, name, spec.to_json(), details or {})])
    journal.append(name, 0, events)
    return open_view(journal, name)


@pytest.fixture
def journal(tmp_path):
    with closing(Home(tmp_path).journal(create=True)) as made:
        yield made


def lucky(params, epoch):
    """0.3 was lucky at its second epoch."""
    return {"acc": params["x"] + (0.5 if params["x"] == 0.3 and epoch == 2 else 0) - abs(2 - epoch)}


def verifying(spread):
    return lambda params, epoch: {"acc": -params["x"] + epoch, "acc_std": spread}


PURPOSE = {"verifies": {"sweep": "first", "trials": [2, 1, 0], "seeds": 2, "folds": 2}}


def test_candidates_are_ranked_by_their_new_means_at_the_epoch_that_was_their_best(journal):
    first = journaled(journal, "first", lucky)
    assert [trial.number for trial in _candidates(first, 3)] == [2, 1, 0]
    verified = ranked(first, journaled(journal, "again", verifying(1e-6), PURPOSE), REQUEST)
    # The verification's trials are in the order of its starts: its first is the sweep's trial 2.
    assert [each.trial for each in verified.candidates] == [2, 1, 0]
    assert verified.best.again.mean == pytest.approx(2 - 0.1)  # epoch 2 of 3, though 3 is better
    assert verified.best.again.count == 4
    assert verified.best.naive == pytest.approx(0.8)
    assert verified.tied == (2,)


def test_a_wide_spread_ties_them_all_and_the_smallest_is_one_of_them(journal):
    first = journaled(journal, "first", lucky)
    verified = ranked(first, journaled(journal, "again", verifying(0.5), PURPOSE), REQUEST)
    assert set(verified.tied) == {0, 1, 2}
    assert verified.smallest in verified.candidates


def test_one_that_cannot_be_trained_again_comes_last(journal):
    first = journaled(journal, "first", lucky)
    again = journaled(journal, "again", verifying(1e-6), PURPOSE, fails=[0])
    verified = ranked(first, again, REQUEST)
    assert [each.trial for each in verified.candidates] == [1, 0, 2]
    assert verified.candidates[-1].again is None
    assert verified.to_json()["trials"][-1]["score"] is None


def test_more_than_there_are(journal):
    with pytest.raises(SearchError, match="--top: 4 is more than the 3 trials of first"):
        _candidates(journaled(journal, "first", lucky), 4)


OF_TIME = {"source": "csv:rows.csv", "target": "y", "order": "day"}
OWN = {"source": "csv:rows.csv", "target": "y", "validation": "csv:other.csv"}


@pytest.mark.parametrize("data", [OF_TIME, OWN, None])
def test_folds_where_the_rows_cannot_be_cut_anew(data):
    body = {"name": "s", "objective": {"maximize": "val_accuracy"}, "space": {"lr": 0.1}}
    body |= {"model": "mlp", "data": data} if data else {"train": "own.py:train"}
    file = sweepfile.parse(body, "s")
    assert _folds(file, None) == _folds(file, 1) == 1
    with pytest.raises(SweepFileError, match=r"--folds: 5 cannot be cut: .*; use --folds 1"):
        _folds(file, 5)


@pytest.mark.long
def test_a_sweep_is_verified_once_and_its_test_part_stays(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    result = lw.tune(
        model="mlp",
        data=(X, (X[:, 0] > 0).astype(int)),
        space={"hidden": [4], "lr": lw.Float(1e-3, 1e-1, log=True)},
        maximize="val_accuracy",
        trials=3,
        epochs=2,
        home=tmp_path,
        executor="inline",
        report=False,
        progress=False,
    )
    verified = result.verify(2, seeds=2, folds=2)
    assert {each.again.count for each in verified.candidates} == {4}
    again = result.verify(2, seeds=2, folds=2)
    assert again == verified
    with closing(Home(tmp_path).journal()) as journal:
        assert len(journal.launches()) == 2
