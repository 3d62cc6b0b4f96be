"""Every bad input gives one line that names the path, the value and what is allowed."""

import math
import pickle

import numpy as np
import pytest

from lanewise.spaces import Choice, Constant, Float, Int, Repeat, Space, SpaceError, fingerprint

WORDS = "(allowed: float, int, choice, repeat, constant; or one option with its sub-space)"
FLAOT = f"space.lr: unknown key 'flaot', did you mean 'float'? {WORDS}"
ONE = "an option is a value, a list or one name with its sub-space"

BAD_FORMS = [
    ({}, "space: is empty, give at least one parameter"),
    (None, "space: must be a mapping of names to domains, got None"),
    ([1], "space: must be a mapping of names to domains, got [1]"),
    ({"a.b": 1}, "space: a name has letters, digits, _ and - only, got 'a.b'"),
    ({"": 1}, "space: a name has letters, digits, _ and - only, got ''"),
    ({1: 1}, "space: a name must be text, got 1"),
    ({"x": {}}, "space.x: is an empty mapping, must be a domain or a value"),
    # ranges
    ({"lr": {"float": [2, 1]}}, "space.lr: low must be <= high, got low=2, high=1"),
    ({"n": {"int": [2, 1]}}, "space.n: low must be <= high, got low=2, high=1"),
    ({"lr": {"float": [0, 1], "log": True}}, "space.lr: log scale needs low > 0, got low=0"),
    ({"lr": {"float": [-0.5, 1], "log": True}}, "space.lr: log scale needs low > 0, got low=-0.5"),
    ({"n": {"int": [0, 9], "log": True}}, "space.n: log scale needs low > 0, got low=0"),
    ({"lr": {"float": ["1e-4", 1]}}, "space.lr: low must be a number, got '1e-4'"),
    ({"lr": {"float": [0, "b\nc"]}}, "space.lr: high must be a number, got 'b\\nc'"),
    ({"lr": {"float": [True, 1]}}, "space.lr: low must be a number, got True"),
    ({"lr": {"float": [0, None]}}, "space.lr: high must be a number, got None"),
    ({"lr": {"float": [0, math.inf]}}, "space.lr: high must be a finite number, got inf"),
    ({"lr": {"float": [math.nan, 1]}}, "space.lr: low must be a finite number, got nan"),
    (
        {"lr": {"float": [0, 10**400]}},
        "space.lr: high must be a finite number, got 1" + "0" * 78 + "…",
    ),
    (
        {"lr": {"float": [-1e308, 1e308]}},
        "space.lr: low and high are too far apart, got [-1e+308, 1e+308]",
    ),
    ({"n": {"int": [1.5, 3]}}, "space.n: low must be an integer, got 1.5"),
    ({"n": {"int": [1, 2**60]}}, "space.n: high must be at most 2**53, got 1152921504606846976"),
    ({"lr": {"float": 1}}, "space.lr: float needs [low, high], got 1"),
    ({"lr": {"float": [1, 2, 3]}}, "space.lr: float needs [low, high], got [1, 2, 3]"),
    (
        {"lr": {"float": [1, 2], "logg": True}},
        "space.lr: unknown key 'logg', did you mean 'log'? (allowed: float, log, step, grid)",
    ),
    ({"n": {"int": [1, 2], 7: True}}, "space.n: unknown key 7 (allowed: int, log, step, grid)"),
    ({"lr": {"float": [1, 2], "log": "yes"}}, "space.lr: log must be true or false, got 'yes'"),
    ({"lr": {"float": [1, 2], "log": 1}}, "space.lr: log must be true or false, got 1"),
    ({"lr": {"float": [1, 2], "step": 0}}, "space.lr: step must be > 0, got 0"),
    ({"lr": {"float": [1, 2], "step": "1"}}, "space.lr: step must be a number, got '1'"),
    ({"n": {"int": [1, 2], "step": 0.5}}, "space.n: step must be an integer, got 0.5"),
    (
        {"lr": {"float": [1, 2], "log": True, "step": 0.5}},
        "space.lr: log and step exclude each other, got step=0.5",
    ),
    (
        {"n": {"int": [1, 9], "log": True, "step": 2}},
        "space.n: log and step exclude each other, got step=2",
    ),
    (
        {"lr": {"float": [0, 1], "step": 1e-12}},
        "space.lr: step=1e-12 is too small for bounds of this size",
    ),
    (
        {"lr": {"float": [0, 1], "step": 1 / 7}},
        "space.lr: step=0.14285714285714285 is not exact, give low and step with fewer digits",
    ),
    ({"lr": {"float": [0, 1], "grid": 0}}, "space.lr: grid must have 1 to 1000000 points, got 0"),
    (
        {"lr": {"float": [0, 1], "grid": "5"}},
        "space.lr: grid must be a number of points or a list, got '5'",
    ),
    (
        {"lr": {"float": [0, 1], "grid": True}},
        "space.lr: grid must be a number of points or a list, got True",
    ),
    ({"lr": {"float": [0, 1], "grid": []}}, "space.lr: grid must have at least one point"),
    (
        {"lr": {"float": [0, 1], "grid": [0.5, 2]}},
        "space.lr: a grid point must be a number from 0 to 1, got 2",
    ),
    ({"lr": {"float": [0, 1], "grid": ["a"]}}, "space.lr: a grid point must be a number, got 'a'"),
    ({"lr": {"float": [0, 1], "grid": [0, -0.0]}}, "space.lr: grid has a point twice: [0, -0.0]"),
    (
        {"n": {"int": [0, 9], "step": 3, "grid": [4]}},
        "space.n: a grid point must be an integer from 0 to 9 in steps of 3, got 4",
    ),
    # forms
    ({"lr": {"flaot": [0, 1]}}, FLAOT),
    ({"lr": {"log": True, "flaot": [0, 1]}}, FLAOT),
    ({"lr": {"log": True}}, f"space.lr: unknown key 'log' {WORDS}"),
    (
        {"h": {"repat": {"times": 1, "of": 2}}},
        f"space.h: unknown key 'repat', did you mean 'repeat'? {WORDS}",
    ),
    ({"lr": {"float": [0, 1], "int": [0, 1]}}, "space.lr: float and int exclude each other"),
    (
        {"o": {"sgd": {}, "adam": {}}},
        "space.o: several options need {choice: [{sgd: …}, {adam: …}]}",
    ),
    (
        {"c": {"constant": {"a": 1}}},
        "space.c: a constant must be a number, a word or a list, got {'a': 1}",
    ),
    (
        {"c": [1, {"a": 1}]},
        "space.c: an item of a list must be a number, a word or a list, got {'a': 1}",
    ),
    ({"c": math.nan}, "space.c: must be finite, got nan"),
    ({"c": {1, 2}}, "space.c: must be a number, a word, true, false, null or a list, got {1, 2}"),
    # choices
    ({"o": {"choice": []}}, "space.o: choice has no options"),
    ({"o": {"choice": "adam"}}, "space.o: choice needs a list of options, got 'adam'"),
    ({"o": {"choice": ["a"], "log": True}}, "space.o: unknown key 'log' (allowed: choice)"),
    ({"o": {"choice": ["a", "b", "a"]}}, 'space.o: choice has the option "a" twice'),
    ({"o": {"choice": ["adam", {"adam": {}}]}}, 'space.o: choice has the option "adam" twice'),
    ({"o": {"choice": [[1, 2], [1, 2]]}}, "space.o: choice has the option [1,2] twice"),
    (
        {"o": {"choice": [[1], {"adam": {}}]}},
        "space.o: the list [1] cannot stand beside options with a sub-space, "
        "which are chosen by name",
    ),
    ({"o": {"choice": [{"a": {}, "b": {}}]}}, f"space.o: {ONE}, got {{'a': {{}}, 'b': {{}}}}"),
    ({"o": {"choice": [{"float": [0, 1]}]}}, f"space.o: 'float' cannot be an option: {ONE}"),
    (
        {"o": {"choice": [{"a b": {}}]}},
        "space.o: a name has letters, digits, _ and - only, got 'a b'",
    ),
    ({"o": {"sgd": {"name": 1}}}, "space.o.sgd: 'name' is reserved for the option's own name"),
    (
        {"o": {"choice": [{"sgd": 0.9}]}},
        "space.o.sgd: a sub-space must be a mapping of names to domains, got 0.9",
    ),
    (
        {"o": {"choice": [{"sgd": {"momentum": {"float": [1, 0]}}}]}},
        "space.o.sgd.momentum: low must be <= high, got low=1, high=0",
    ),
    # repeats
    ({"h": {"repeat": 3}}, "space.h: repeat needs {times: …, of: …}, got 3"),
    ({"h": {"repeat": {"of": 1}}}, "space.h: repeat needs 'times'"),
    ({"h": {"repeat": {"times": 1}}}, "space.h: repeat needs 'of'"),
    (
        {"h": {"repeat": {"time": 1, "of": 1}}},
        "space.h: unknown key 'time', did you mean 'times'? (allowed: times, of)",
    ),
    (
        {"h": {"repeat": {"times": [3, 1], "of": 1}}},
        "space.h.times: needs 0 <= shortest <= longest <= 1000, got [3, 1]",
    ),
    (
        {"h": {"repeat": {"times": -1, "of": 1}}},
        "space.h.times: needs 0 <= shortest <= longest <= 1000, got -1",
    ),
    (
        {"h": {"repeat": {"times": [1, 10**6], "of": 1}}},
        "space.h.times: needs 0 <= shortest <= longest <= 1000, got [1, 1000000]",
    ),
    (
        {"h": {"repeat": {"times": [1, 2, 3], "of": 1}}},
        "space.h.times: must be a length or [shortest, longest], got [1, 2, 3]",
    ),
    (
        {"h": {"repeat": {"times": "two", "of": 1}}},
        "space.h.times: a length must be a number, got 'two'",
    ),
    (
        {"h": {"repeat": {"times": 2, "of": {"int": [3, 1]}}}},
        "space.h.of: low must be <= high, got low=3, high=1",
    ),
]


@pytest.mark.parametrize(("form", "line"), BAD_FORMS, ids=[line for _, line in BAD_FORMS])
def test_a_bad_space_is_one_line(form, line):
    with pytest.raises(SpaceError) as caught:
        Space(form)
    assert str(caught.value) == line
    assert f"{caught.value.path}: {caught.value.message}" == line


SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "drop": Float(0, 0.5, step=0.25, grid=2),
        "batch": Int(16, 64, step=16),
        "act": Choice(["relu", None, 1, True]),
        "opt": Choice([{"sgd": {"momentum": Float(0, 1), "nesterov": True}}, "adam"]),
        "hidden": Repeat(Int(1, 9), times=(1, 3)),
        "epochs": 3,
    }
)
GOOD = {
    "lr": 0.01,
    "drop": 0.25,
    "batch": 32,
    "act": None,
    "opt": {"name": "sgd", "momentum": 0.5, "nesterov": True},
    "hidden": [1, 2],
    "epochs": 3,
}
LR = "a number from 0.0001 to 0.1"
OPT = "a mapping whose name is one of sgd, adam"
KEYS = "(allowed: lr, drop, batch, act, opt, hidden, epochs)"

BAD_CONFIGS = [
    (3, f"space: must be a mapping with the keys {KEYS[10:-1]}, got 3"),
    ({"lrr": 1, **GOOD}, f"space: unknown key 'lrr', did you mean 'lr'? {KEYS}"),
    ({k: v for k, v in GOOD.items() if k != "lr"}, f"space.lr: is missing, must be {LR}"),
    (GOOD | {"lr": 3}, f"space.lr: must be {LR}, got 3"),
    (GOOD | {"lr": True}, f"space.lr: must be {LR}, got True"),
    (GOOD | {"lr": "0.01"}, f"space.lr: must be {LR}, got '0.01'"),
    (GOOD | {"lr": math.nan}, f"space.lr: must be {LR}, got nan"),
    (GOOD | {"drop": 0.3}, "space.drop: must be a number from 0 to 0.5 in steps of 0.25, got 0.3"),
    (GOOD | {"batch": 40}, "space.batch: must be an integer from 16 to 64 in steps of 16, got 40"),
    (
        GOOD | {"batch": 32.0},
        "space.batch: must be an integer from 16 to 64 in steps of 16, got 32.0",
    ),
    (GOOD | {"act": "tanh"}, "space.act: must be one of relu, null, 1, true, got 'tanh'"),
    (GOOD | {"act": 1.0}, "space.act: must be one of relu, null, 1, true, got 1.0"),
    (GOOD | {"act": {1}}, "space.act: must be one of relu, null, 1, true, got {1}"),
    (GOOD | {"opt": "adam"}, f"space.opt: must be {OPT}, got 'adam'"),
    (GOOD | {"opt": {}}, f"space.opt: must be {OPT}, got {{}}"),
    (
        GOOD | {"opt": {"name": "adam", "momentum": 0.5}},
        "space.opt.adam: unknown key 'momentum' (allowed: nothing)",
    ),
    (
        GOOD | {"opt": {"name": "sgd", "nesterov": True}},
        "space.opt.sgd.momentum: is missing, must be a number from 0 to 1",
    ),
    (
        GOOD | {"opt": {"name": "sgd", "momentum": 2, "nesterov": True}},
        "space.opt.sgd.momentum: must be a number from 0 to 1, got 2",
    ),
    (
        GOOD | {"opt": {"name": "sgd", "momentum": 1, "nesterov": 1}},
        "space.opt.sgd.nesterov: must be true, got 1",
    ),
    (GOOD | {"hidden": []}, "space.hidden: must be a list of 1 to 3 values, got []"),
    (GOOD | {"hidden": 5}, "space.hidden: must be a list of 1 to 3 values, got 5"),
    (GOOD | {"hidden": [1, 0]}, "space.hidden.1: must be an integer from 1 to 9, got 0"),
    (GOOD | {"epochs": 4}, "space.epochs: must be 3, got 4"),
]


@pytest.mark.parametrize(("config", "line"), BAD_CONFIGS, ids=[line for _, line in BAD_CONFIGS])
def test_a_bad_configuration_is_one_line(config, line):
    SPACE.validate(GOOD)
    with pytest.raises(SpaceError) as caught:
        SPACE.validate(config)
    assert str(caught.value) == line
    with pytest.raises(SpaceError):
        SPACE.encode(config)


def test_a_grid_does_not_restrict_what_is_valid():
    assert SPACE.to_json()["drop"]["grid"] == 2
    SPACE.validate(GOOD | {"drop": 0.25})


@pytest.mark.parametrize(
    ("domain", "line"),
    [
        (Float(0, 1), "space.x: a grid over a number from 0 to 1 needs grid points or a step"),
        (
            Int(1, 9, log=True),
            "space.x: a grid over an integer from 1 to 9 on a log scale needs grid points",
        ),
        (
            Choice([{"sgd": {"m": Float(0, 1)}}]),
            "space.x.sgd.m: a grid over a number from 0 to 1 needs grid points or a step",
        ),
        (
            Repeat(Float(0, 1), 2),
            "space.x.of: a grid over a number from 0 to 1 needs grid points or a step",
        ),
    ],
)
def test_a_grid_needs_points(domain, line):
    space = Space({"x": domain})
    with pytest.raises(SpaceError) as caught:
        _ = space.grid_size
    assert str(caught.value) == line
    with pytest.raises(SpaceError):
        space.grid_at(0)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_grid_point_beyond_the_grid(index):
    with pytest.raises(IndexError, match=f"grid point {index} of 3"):
        Space({"x": Int(1, 3)}).grid_at(index)


def test_errors_of_single_domains_stand_at_the_root():
    with pytest.raises(SpaceError, match=r"^space: low must be a number, got 'a'$"):
        Float("a", 1)
    with pytest.raises(SpaceError, match=r"^space\.of: low must be <= high"):
        Repeat({"int": [2, 1]}, 1)
    with pytest.raises(SpaceError, match=r"^space: must be a number"):
        Constant(np.zeros(3))


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(SpaceError("is wrong", "space.lr")))  # noqa: S301  # our own bytes
    assert (str(error), error.path, error.message) == ("space.lr: is wrong", "space.lr", "is wrong")


def test_a_space_nested_beyond_reason_is_one_line():
    form: dict = {"x": 1}
    for _ in range(5_000):
        form = {"x": {"a": form}}
    with pytest.raises(SpaceError, match="is nested too deeply"):
        Space(form)


def test_a_fingerprint_needs_plain_values():
    with pytest.raises(SpaceError, match="must be finite"):
        fingerprint({"x": math.inf})
    with pytest.raises(SpaceError, match="a key must be text, got 1"):
        fingerprint({1: 2})
