"""Spaces by example: the sweep file's forms, counting, grids, draws, Optuna's names, presets."""

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import pytest

from lanewise import spaces
from lanewise.spaces import (
    Choice,
    Constant,
    Float,
    Int,
    Repeat,
    Space,
    fingerprint,
    flatten,
)

SWEEP_FILE = {
    "hidden": {"repeat": {"times": [1, 3], "of": {"int": [16, 128], "log": True}}},
    "activation": {"choice": ["relu", "tanh", "gelu"]},
    "dropout": {"float": [0.0, 0.5]},
    "lr": {"float": [1e-4, 1e-1], "log": True},
    "optimizer": {
        "choice": [{"sgd": {"momentum": {"float": [0.0, 0.99]}}}, "adam", {"rmsprop": None}]
    },
    "batch_size": 64,
}
PYTHON = {
    "hidden": Repeat(Int(16, 128, log=True), times=(1, 3)),
    "activation": Choice(["relu", "tanh", "gelu"]),
    "dropout": Float(0, 0.5),
    "lr": Float(1e-4, 1e-1, log=True),
    "optimizer": Choice([{"sgd": {"momentum": {"float": [0, 0.99]}}}, {"adam": {}}, "rmsprop"]),
    "batch_size": Constant(64),
}


def test_the_folder_is_the_package():
    assert Path(spaces.__file__).parent.resolve() == Path(__file__).parents[2] / "spaces"


def test_the_public_names():
    public = {name for name in vars(spaces) if not name.startswith("_")}
    modules = {path.stem for path in Path(spaces.__file__).parent.glob("*.py")}
    assert public - modules == {
        "Choice", "Constant", "Float", "Int", "Repeat", "Space", "SpaceError",
        "fingerprint", "flatten",
    }  # fmt: skip


def test_importing_spaces_is_light():
    heavy = "{'numpy', 'optuna', 'torch', 'ray', 'mlflow', 'sqlalchemy'}"
    code = "import sys; from lanewise import spaces; spaces.Space({'lr': 1}).size; "
    code += f"print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_sweep_file_and_python_are_one_representation():
    assert Space(SWEEP_FILE) == Space(PYTHON) == Space(PYTHON | SWEEP_FILE)
    assert Space(SWEEP_FILE).to_json() == Space(PYTHON).to_json()


def test_a_mapping_with_one_name_is_a_choice_with_one_option():
    short = Space({"optimizer": {"sgd": {"momentum": 0.9}}})
    assert short == Space({"optimizer": {"choice": [{"sgd": {"momentum": 0.9}}]}})
    assert short.sample(np.random.default_rng(0)) == {"optimizer": {"name": "sgd", "momentum": 0.9}}
    assert short.distributions() == {}


def test_options_are_named_as_soon_as_one_has_a_subspace():
    rng = np.random.default_rng(0)
    plain = Space({"x": Choice(["a", [1, 2], None])})
    named = Space({"x": Choice(["a", 2, None, {"b": {}}])})
    assert [plain.grid_at(i)["x"] for i in range(3)] == ["a", [1, 2], None]
    assert [named.grid_at(i)["x"] for i in range(4)] == [
        {"name": "a"}, {"name": 2}, {"name": None}, {"name": "b"},
    ]  # fmt: skip
    assert named.sample(rng)["x"].keys() == {"name"}


def test_configurations_share_no_lists():
    space = Space({"x": [1, [2]], "y": Choice([[1, 2]])})
    first = space.sample(np.random.default_rng(0))
    first["x"][1].append(3)
    first["y"].append(3)
    assert space.sample(np.random.default_rng(0)) == {"x": [1, [2]], "y": [1, 2]}


def test_numbers_take_their_domain_s_type():
    domain = Int(1e2, np.int64(300), step=100.0, grid=[100.0, 300])
    assert (domain.low, domain.high, domain.step, domain.grid) == (100, 300, 100, (100, 300))
    assert all(type(x) is int for x in (domain.low, domain.high, domain.step, *domain.grid))
    assert type(Float(0, 1).low) is float
    assert type(Constant(np.float64(0.5)).value) is float


@pytest.mark.parametrize(
    ("domain", "size"),
    [
        (Float(0, 1), math.inf),
        (Float(1, 1), 1),
        (Float(0, 1, step=0.1), 11),
        (Float(0, 0.95, step=0.1), 10),
        (Float(0, 1, step=2), 1),
        (Int(1, 9), 9),
        (Int(1, 10, step=3), 4),
        (Int(-(2**53), 2**53), 2**54 + 1),
        (Choice(["a", True, 1, 1.0, "1", None, [1]]), 7),
        (Choice(["adam", {"sgd": {"m": Int(1, 3), "n": Choice([True, False])}}]), 7),
        (Choice(["adam", {"sgd": {"m": Float(0, 1)}}]), math.inf),
        (Repeat(Int(1, 3), times=(0, 2)), 1 + 3 + 9),
        (Repeat(Int(1, 3), times=4), 81),
        (Repeat(Float(0, 1), times=0), 1),
        (Repeat("x", times=(1, 3)), 3),
        (Repeat(Int(0, 9), times=400), 10**400),
    ],
)
def test_size(domain, size):
    assert Space({"x": domain}).size == size
    assert Space({"x": domain, "y": Choice(["a", "b"])}).size == 2 * size


def test_a_size_beyond_floats_beside_infinity():
    assert Space({"x": Repeat(Int(0, 9), times=400), "y": Float(0, 1)}).size == math.inf


@pytest.mark.parametrize(
    ("domain", "points"),
    [
        (Float(0, 1, grid=5), [0.0, 0.25, 0.5, 0.75, 1.0]),
        (Float(0.1, 0.7, grid=3), [0.1, 0.4, 0.7]),
        (Float(1e-4, 1e-1, log=True, grid=4), [1e-4, 1e-3, 1e-2, 1e-1]),
        (Float(0, 1, grid=[0.5, 0, 1]), [0.5, 0.0, 1.0]),
        (Float(0, 0.35, step=0.1), [0.0, 0.1, 0.2, 0.3]),
        (Float(0, 1, step=0.25, grid=3), [0.0, 0.5, 1.0]),
        (Float(2, 2, grid=3), [2.0]),
        (Int(1, 10, step=4), [1, 5, 9]),
        (Int(16, 256, log=True, grid=5), [16, 32, 64, 128, 256]),
        (Int(1, 3, grid=9), [1, 2, 3]),
        (Int(4, 4, log=True), [4]),
        (Repeat(Int(1, 2), times=(0, 2)), [[], [1], [2], [1, 1], [1, 2], [2, 1], [2, 2]]),
    ],
)
def test_grid_points(domain, points):
    space = Space({"x": domain})
    assert [space.grid_at(i)["x"] for i in range(space.grid_size)] == points


@pytest.mark.parametrize("low", [1e-5, 1 / 3, 0.7])
@pytest.mark.parametrize("log", [True, False])
def test_the_ends_of_a_grid_are_the_bounds(low, log):
    space = Space({"x": Float(low, 3 * low, log=log, grid=7)})
    assert (space.grid_at(0)["x"], space.grid_at(6)["x"]) == (low, 3 * low)


def test_the_last_key_varies_fastest_and_huge_grids_are_not_made():
    space = Space({"a": Int(0, 2**50), "b": Choice(["adam", {"sgd": {"m": Int(1, 2)}}])})
    assert space.grid_size == (2**50 + 1) * 3
    assert [space.grid_at(i) for i in range(4)] == [
        {"a": 0, "b": {"name": "adam"}},
        {"a": 0, "b": {"name": "sgd", "m": 1}},
        {"a": 0, "b": {"name": "sgd", "m": 2}},
        {"a": 1, "b": {"name": "adam"}},
    ]
    assert space.grid_at(space.grid_size - 1) == {"a": 2**50, "b": {"name": "sgd", "m": 2}}


DRAWS = 4_000


def draws(domain):
    rng, space = np.random.default_rng(0), Space({"x": domain})
    return [space.sample(rng)["x"] for _ in range(DRAWS)]


def near(count, share):
    # 6 sigma of a binomial count: a change of the stream fails by chance once in 5e8 comparisons.
    return abs(count - DRAWS * share) < 6 * math.sqrt(DRAWS * share * (1 - share))


def test_draws_are_uniform():
    for domain in (Int(1, 4), Choice([1, 2, 3, 4]), Float(0.25, 1, step=0.25)):
        counts = Counter(draws(domain))
        assert len(counts) == 4
        assert all(near(count, 0.25) for count in counts.values())
    assert near(sum(x < 0.25 for x in draws(Float(0, 1))), 0.25)
    assert near(sum(len(x) == 2 for x in draws(Repeat(1, times=(1, 4)))), 0.25)


def test_log_draws_are_uniform_in_the_logarithm():
    floats = draws(Float(1e-4, 1.0, log=True))
    assert all(1e-4 <= x <= 1 for x in floats)
    assert near(sum(x < 1e-3 for x in floats), 0.25)
    counts = Counter(draws(Int(1, 4, log=True)))
    for value, count in counts.items():
        assert near(count, math.log((value + 0.5) / (value - 0.5)) / math.log(9))


def test_the_same_seed_gives_the_same_draws():
    # Written down, so that a change of the stream is seen: journals keep seeds.
    space = Space({"a": Int(1, 1000), "b": Choice(["x", "y", "z"]), "c": Int(1, 1000, log=True)})
    assert space.sample(np.random.default_rng(7)) == {"a": 945, "b": "y", "c": 458}


def test_optuna_s_names():
    space = Space(
        SWEEP_FILE
        | {
            "schedule": Choice([{"cosine": {"t": Int(0, 3)}}, {"step": {"t": Int(0, 9)}}]),
            "fixed": Choice(["only"]),
            "same": Float(1, 1),
            "three": Repeat(Choice(["a", "b"]), times=3),
        }
    )  # fmt: skip
    assert list(space.distributions()) == [
        "hidden.times", "hidden.0", "hidden.1", "hidden.2", "activation", "dropout", "lr",
        "optimizer", "optimizer.sgd.momentum",
        "schedule", "schedule.cosine.t", "schedule.step.t",
        "three.0", "three.1", "three.2",
    ]  # fmt: skip
    params, distributions = space.encode(space.sample(np.random.default_rng(3)))
    assert params.keys() == distributions.keys() < space.distributions().keys()
    assert space.distributions()["hidden.0"] == optuna.distributions.IntDistribution(16, 128, True)


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["relu", None, 0.5, 3], ("relu", None, 0.5, 3)),
        ([True, False], (True, False)),
        ([True, 1, "x"], ("true", "1", "x")),
        ([1, 1.0], ("1", "1.0")),
        ([[32, 64], "auto"], ("[32,64]", "auto")),
        ([1, True, "1"], ("1", "true", '"1"')),
        (["[1]", [1]], ('"[1]"', "[1]")),
        ([None, {"cosine": {}}], (None, "cosine")),
    ],
)
def test_labels_that_optuna_can_tell_apart(options, labels):
    distribution = Space({"x": Choice(options)}).distributions()["x"]
    assert list(map(repr, distribution.choices)) == list(map(repr, labels))


@pytest.mark.parametrize(
    ("domain", "conditional"),
    [
        (Float(0, 1), False),
        (Choice(["a", "b"]), False),
        (Choice(["a", {"b": {"c": 1}}]), False),
        (Choice([{"b": {"c": Int(1, 2)}}]), False),
        (Choice(["a", {"b": {"c": Int(1, 2)}}]), True),
        (Repeat(Int(1, 2), times=3), False),
        (Repeat(Int(1, 2), times=(1, 3)), True),
        (Repeat(7, times=(1, 3)), False),
        (Choice([{"a": {"x": Repeat(Int(1, 2), times=(0, 1))}}]), True),
    ],
)
def test_is_conditional(domain, conditional):
    assert Space({"x": domain}).is_conditional is conditional


def test_fingerprints():
    assert fingerprint({"a": 1, "b": [-0.0]}) == fingerprint({"b": [0.0], "a": 1})
    assert fingerprint({"a": np.float64(0.5)}) == fingerprint({"a": 0.5})
    assert len({fingerprint({"a": x}) for x in (1, 1.0, True, "1", None, [1])}) == 6
    # Written down, since journals keep them.
    assert fingerprint({"lr": 0.001, "hidden": [32]})[:16] == "5bd46711fa88b3cf"
    assert Space({"x": Float(0, 1)}).fingerprint == fingerprint({"x": {"float": [0.0, 1.0]}})


def test_equality_is_of_forms_not_of_python_s_numbers():
    assert Constant(1) != Constant(True)
    assert Choice([1]) != Choice([1.0])
    assert len({Float(0, 1), Float(0.0, 1.0), Int(0, 1), Int(0, 1, step=1)}) == 2
    assert Space({"x": 1}) != {"x": 1}
    assert repr(Space({"x": Int(0, 1)})) == "Space({'x': {'int': [0, 1]}})"


def test_flatten():
    config = {
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "hidden": [32, 64],
        "blocks": [{"name": "conv", "width": 3}, {"name": "pool"}],
        "none": [],
        "lr": 1e-3,
        "decay": None,
    }
    assert flatten(config) == {
        "optimizer": "sgd",
        "optimizer.momentum": 0.9,
        "hidden.0": 32,
        "hidden.1": 64,
        "blocks.0": "conv",
        "blocks.0.width": 3,
        "blocks.1": "pool",
        "none": "[]",
        "lr": 1e-3,
        "decay": None,
    }


def test_probes():
    space = Space({"lr": Float(1, 2), "opt": Choice(["adam", {"sgd": {"m": Int(1, 9)}}])})
    adam, sgd = {"name": "adam"}, {"name": "sgd", "m": 1}
    assert list(space.probes()) == [
        ("space.lr", {"lr": 1.0, "opt": adam}),
        ("space.lr", {"lr": 2.0, "opt": adam}),
        ("space.opt", {"lr": 1.0, "opt": adam}),
        ("space.opt", {"lr": 1.0, "opt": sgd}),
        ("space.opt.sgd.m", {"lr": 1.0, "opt": sgd}),
        ("space.opt.sgd.m", {"lr": 1.0, "opt": sgd | {"m": 9}}),
    ]
