"""What people write instead of our words, and what they are told that they mean."""

from __future__ import annotations

import pytest

from lanewise.spaces import Space, SpaceError
from lanewise.spaces.errors import fold, nearest
from lanewise.spaces.synonyms import SYNONYMS

BUDGET = ("trials", "epochs", "total_epochs", "time")
KEYS = ("name", "data", "space", "sampler", "scheduler", "budget", "objective", "seed", "executor")


@pytest.mark.parametrize(
    ("word", "names", "meant"),
    [
        ("n_trials", KEYS, ", did you mean 'budget.trials'?"),
        ("n_trials", BUDGET, ", did you mean 'trials'?"),
        ("maxEpochs", BUDGET, ", did you mean 'epochs'?"),
        ("metric", KEYS, ", did you mean 'objective.maximize' or 'objective.minimize'?"),
        ("mode", ("maximize", "minimize"), ", did you mean 'maximize' or 'minimize'?"),
        ("search-space", KEYS, ", did you mean 'space'?"),
        ("pruner", KEYS, ", did you mean 'scheduler'?"),
        ("TPESampler", ("grid", "random", "tpe"), ", did you mean 'tpe'?"),
        ("RandomSearch", ("grid", "random", "tpe"), ", did you mean 'random'?"),
        ("bayesian", ("grid", "random", "tpe"), ", did you mean 'tpe'?"),
        ("ray.tune.schedulers.ASHAScheduler", ("none", "asha"), ", did you mean 'asha'?"),
        ("Grid", ("grid", "random", "tpe"), ", did you mean 'grid'?"),
        ("smapler", KEYS, ", did you mean 'sampler'?"),
        ("n_trials", ("left", "right"), ""),  # a meaning that cannot be written here is no help
        ("zzz", KEYS, ""),
        ("", KEYS, ""),
        (7, KEYS, ""),
    ],
)
def test_the_meant_name_is_told(word: object, names: tuple[str, ...], meant: str) -> None:
    assert nearest(word, names) == meant


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ({"loguniform": [1e-4, 1e-1]}, "{float: [low, high], log: true}"),
        ({"uniform": [0, 1]}, "{float: [low, high]}"),
        ({"randint": [1, 9]}, "{int: [low, high]}"),
        ({"categorical": ["a", "b"]}, "{choice: [a, b]}"),
        ({"values": ["a", "b"]}, "{choice: [a, b]}"),
        ({"distribution": "uniform", "min": 0, "max": 1}, "{float: [low, high]}"),
        ({"type": "float", "low": 0, "high": 1}, "{float: [low, high]}"),
    ],
)
def test_others_domains_are_told_in_our_form(raw: object, form: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Space({"lr": raw})
    assert f"did you mean {form}?" in str(caught.value)


def test_every_synonym_can_be_found() -> None:
    assert {word for word in SYNONYMS if fold(word) != word} == set()
