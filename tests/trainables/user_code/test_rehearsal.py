"""A user's build is tried before the first trial."""

import copy
import json
import pickle
import random
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from user_modules import BUILDS

from lanewise.spaces import Space
from lanewise.trainables.errors import ModelError
from lanewise.trainables.user_code.rehearsal import rehearse


def linear(info):
    return nn.Linear(info.input_shape[0], info.outputs)


@pytest.fixture
def tried(recipe):
    """tried(build, space, fixed) -> notes"""

    def run(build, space=None, fixed=None, **more):
        space = Space(space or {"lr": 0.01})
        shared = recipe(
            "sklearn:wine", model="my.py:build", callable=build, fixed=fixed or {}, **more
        )
        paths = {name: f"space.{name}" for name in space.names}
        paths |= {name: f"model.my.py:build.{name}" for name in fixed or {}}
        return rehearse(shared, [config for _, config in space.probes()], paths)

    return run


# -- names that nothing reads ----------------------------------------------------------------------


def plain(config, info):
    return linear(info)


def reads_width(config, info):
    width = config.get("width", 8)
    return nn.Sequential(nn.Linear(info.input_shape[0], width), nn.Linear(width, info.outputs))


@pytest.mark.parametrize(
    ("build", "name", "hint"),
    [
        (plain, "learning_rate", "did you mean 'lr'?"),
        (plain, "weight_decay", "did you mean 'l2'?"),
        (plain, "batchsize", "did you mean 'batch_size'?"),
        (plain, "Optim", "did you mean 'optimizer'?"),
        (plain, "max_grad_norm", "did you mean 'clip_norm'?"),
        (reads_width, "widht", "did you mean 'width'?"),
        (plain, "zzz", "nothing reads it (my.py:build does not"),
    ],
)
def test_a_name_that_nothing_reads_is_refused(tried, build, name, hint):
    with pytest.raises(ModelError) as caught:
        tried(build, {name: {"float": [0.1, 0.2]}, "lr": 0.01})
    assert str(caught.value).startswith(f"space.{name}: nothing reads it")
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=f"^model.my.py:build.{name}: nothing reads it"):
        tried(build, {"lr": 0.01}, {name: 1})


@dataclass
class Options:
    width: int = 8
    depth: int = 1


class Keeps(nn.Module):
    """Reads in its forward pass."""

    def __init__(self, config, info):
        super().__init__()
        self.config, self.body = config, linear(info)

    def forward(self, x):
        return self.body(x) * self.config["width"] + self.config["depth"]


def by_get(config, info):
    assert config.get("width")
    assert "depth" in config
    return linear(info)


def by_match(config, info):
    match config:
        case {"width": _, "depth": _}:
            return linear(info)
    raise AssertionError


def in_branches(config, info):
    """Each is read under a condition that some option meets."""
    if config["kind"] == "a":
        assert config["width"]
    else:
        assert config["depth"]
    return linear(info)


FINE = [
    by_get,
    by_match,
    Keeps,
    lambda config, info: Options(**config) and linear(info),
    lambda config, info: dict(config) and linear(info),
    lambda config, info: {**config} and linear(info),
    lambda config, info: config.copy() and linear(info),
    lambda config, info: copy.deepcopy(config) and linear(info),
    lambda config, info: pickle.dumps(config) and linear(info),
    lambda config, info: json.dumps(config) and linear(info),
    lambda config, info: SimpleNamespace(**config) and linear(info),
    lambda config, info: [name for name in config] and linear(info),  # noqa: C416
    lambda config, info: sorted(config.items()) and linear(info),
    lambda config, info: (config | {}) and linear(info),
    lambda config, info: "{width} {depth}".format(**config) and linear(info),
    lambda config, info: "{width} {depth}".format_map(config) and linear(info),
    lambda config, info: config.pop("width") + config.pop("depth") and linear(info),
    lambda config, info: all(config[f"{a}th"] for a in ("wid", "dep")) and linear(info),
]


@pytest.mark.parametrize("build", FINE)
def test_names_that_are_read_in_any_way_are_fine(tried, build):
    assert tried(build, {"width": {"int": [8, 16]}, "depth": 1}) == []


def test_names_of_branches_and_nested_ones_are_fine(tried):
    space = {"kind": {"choice": ["a", "b"]}, "width": {"int": [1, 2]}, "depth": {"int": [1, 2]}}
    assert tried(in_branches, space) == []

    def nested(config, info):
        block = config["block"]
        assert block["slope"] if block.pop("name") == "leaky" else not block
        return linear(info)

    block = {"choice": ["relu", {"leaky": {"slope": {"float": [0.1, 0.3]}}}]}
    assert tried(nested, {"block": block, "optimizer": "sgd"}) == []


def test_a_name_that_may_be_read_under_a_condition_is_a_note(tried):
    def conditional(config, info):
        if config["width"] == 3:
            assert config["rare"]
        return linear(info)

    space = {"width": {"int": [2, 9]}, "rare": 1}
    (note,) = tried(conditional, space)
    assert note.startswith("space.rare: my.py:build read it in none of ")

    def buggy(config, info):
        if config["width"] == 9:
            raise RuntimeError("my own mistake")
        return linear(info)

    (note,) = tried(buggy, space)  # who knows what it would have read
    assert note.startswith("space.rare: my.py:build read it in none of ")


def test_a_whole_config_with_others_words_is_a_note(tried):
    def whole(config, info):
        return dict(config) and linear(info)

    space = {"learning_rate": {"float": [0.1, 0.2]}, "width": 3}
    assert tried(whole, space) == [
        "space.learning_rate: perhaps nothing reads it; did you mean 'lr'?"
    ]


def test_a_bug_is_left_to_the_trials(tried):
    def bug(config, info):
        raise KeyError("my own mistake")

    def in_forward(config, info):
        class Bug(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = linear(info)

            def forward(self, x):
                raise ValueError("my own mistake")

        return Bug()

    for build in (bug, in_forward):
        assert tried(build, {"width": 3}) == []


# -- what build returns ----------------------------------------------------------------------------


class Sized(nn.Module):
    """As many arguments as it is given, but others."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.body = nn.Linear(inputs, outputs)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda config, info: None, "returned nothing"),
        (lambda config, info: nn.Linear, "returned the class Linear"),
        (lambda config, info: (linear(info), None), "returned a tuple"),
        (lambda config, info: nn.Linear(13, 2), "it returned [4, 2]"),
        (lambda config, info: nn.Flatten(), "has no parameter to train"),
        (lambda config: None, "cannot be called as"),
        (linear(SimpleNamespace(input_shape=(3,), outputs=2)), "is built already"),
        (Sized, "Sized(config, info) raised TypeError"),
        (nn.Linear, "Linear(config, info) raised TypeError"),
    ],
)
def test_what_cannot_be_trained_is_one_line(tried, build, words):
    with pytest.raises(ModelError) as caught:
        tried(build)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.__cause__ is not None) == ("TypeError" in words)


def test_one_bad_option_among_others_is_left_to_its_trials(tried):
    def build(config, info):
        return None if config["kind"] == "b" else linear(info)

    assert tried(build, {"kind": {"choice": ["a", "b"]}}) == []


# -- what is stored ------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        for words in ("Lazy modules are a new", ".*sparse", "`torch.jit.script`", ".*torch.jit"):
            warnings.filterwarnings("ignore", message=words)
        yield


@pytest.mark.parametrize("name", BUILDS)
def test_what_is_stored_whole_is_fine(tried, name):
    def build(config, info):
        return BUILDS[name](info.input_shape[0], info.outputs)

    assert tried(build) == []


class Attribute(nn.Module):
    """What it learns besides lies in a plain attribute."""

    def __init__(self, config, info):
        super().__init__()
        self.body, self.mean = linear(info), torch.zeros(info.input_shape)

    def forward(self, x):
        if self.training:
            self.mean = 0.99 * self.mean + 0.01 * x.detach().mean(0)
        return self.body(x - self.mean)


class Number(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        self.body, self.state = linear(info), {"steps": [0]}

    def forward(self, x):
        self.state["steps"][0] += self.training
        return self.body(x) * (1 + self.state["steps"][0])


class Listed(nn.Module):
    """Numpy's random numbers are not those that a build is started with."""

    def __init__(self, config, info):
        super().__init__()
        self.body = linear(info)
        self.shift = np.random.default_rng().normal(size=info.outputs).astype(np.float32)

    def forward(self, x):
        return self.body(x) + torch.from_numpy(self.shift)


class Hidden(nn.Module):
    """A parameter that is not registered, and changes."""

    def __init__(self, config, info):
        super().__init__()
        self.body, self.layers = linear(info), [linear(info)]

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.layers[0].weight += 0.1
        return self.body(x) + self.layers[0](x)


class Unsayable(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        self.body = linear(info)

    def forward(self, x):
        return self.body(x)

    def get_extra_state(self):
        return {"f": len}

    def set_extra_state(self, state):
        return None


class Resized(nn.Module):
    def __init__(self, config, info):
        super().__init__()
        self.body, self.outputs = nn.Linear(info.input_shape[0], 4), info.outputs
        self.out = nn.Linear(4, info.outputs)

    def forward(self, x):
        if self.training and self.out.in_features == 4:
            self.body = nn.Linear(x.shape[1], 6)
            self.out = nn.Linear(6, self.outputs)
        return self.out(self.body(x))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (Attribute, "Attribute.mean changes and is not stored"),
        (Number, "Number.state changes and is not stored"),
        (Listed, "Listed.shift changes and is not stored"),
        (Hidden, "Hidden.layers changes and is not stored"),
        (Unsayable, "get_extra_state of Unsayable gives a builtin_function_or_method"),
        (Resized, "could not be loaded again: body.weight is [4, 13] in the model and [6, 13]"),
    ],
)
def test_what_would_be_lost_is_refused(tried, build, words):
    with pytest.raises(ModelError) as caught:
        tried(build)
    assert words in str(caught.value)
    assert str(caught.value).startswith("model: ")
    assert "\n" not in str(caught.value)


def test_each_option_is_tried(tried):
    def build(config, info):
        return Attribute(config, info) if config["kind"] == "b" else linear(info)

    with pytest.raises(ModelError, match=r"Attribute\.mean"):
        tried(build, {"kind": {"choice": ["a", "b"]}})


def test_randomness_in_an_evaluation_is_no_mistake(tried):
    class Monte(nn.Module):
        """Dropout in each pass."""

        def __init__(self, config, info):
            super().__init__()
            self.body = linear(info)

        def forward(self, x):
            return self.body(torch.dropout(x, 0.5, train=True))

    class Calls(nn.Module):
        def __init__(self, config, info):
            super().__init__()
            self.body, self.calls = linear(info), 0

        def forward(self, x):
            self.calls += 1
            return self.body(x) + self.calls

    assert tried(Monte) == []
    (note,) = tried(Calls)
    assert note.startswith("two evaluations of the same weights differ")


def test_nothing_of_the_process_is_changed(tried):
    def build(config, info):
        random.random(), np.random.rand(), torch.rand(1)
        return linear(info)

    def draw():
        return random.random(), np.random.rand(), float(torch.rand(1))

    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    want = draw()
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    tried(build)
    assert draw() == want
