"""What user code is called with, and what it must give back: one line, not a traceback."""

import ast
import functools
from functools import partial

import pytest
from torch import nn

from lanewise.trainables.errors import ModelError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial
from lanewise.trainables.user_code.contract import check_call, check_given, check_source


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()


class Sized(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()


class Built(nn.Module):
    def __init__(self, config, info):
        super().__init__()


class Maker:
    def __call__(self, config, info):
        return None


class Trainer:
    def fit(self, config, report):
        return None

    def fit_all(self, config):
        return None


def decorated(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


async def later(config, report):
    report(1, loss=1)


def yields(config, report):
    report(1, loss=1)
    yield


GOOD = [
    ("model", lambda config, info: None),
    ("model", lambda *args: None),
    ("model", lambda config, info, width=8, **more: None),
    ("model", Built),
    ("model", Maker()),
    ("model", partial(lambda width, config, info: None, 3)),
    ("model", decorated(lambda config, info: None)),
    ("train", Trainer().fit),
    ("train", lambda cfg, rep: None),
    ("model", dict),  # of code in C: only its call can tell
]
BAD = [
    ("model", lambda config: None, "lambda(config) cannot be called as lambda(config, info)"),
    ("model", lambda: None, "lambda() cannot be called"),
    ("model", lambda config, info, width: None, "(config, info, width) cannot be called"),
    ("model", lambda config, info, *, width: None, "(config, info, *, width) cannot be"),
    ("model", Net, "Net(width=8) cannot be called as Net(config, info); give a function that"),
    ("model", Sized, "Sized(inputs, hidden, outputs) cannot be called"),
    ("model", partial(lambda config, info: None, {}), "partial(info) cannot be called"),
    ("train", Trainer().fit_all, "fit_all(config) cannot be called as fit_all(config, report)"),
    ("train", later, "later is async"),
    ("train", yields, "yields is a generator"),
    ("model", nn.Linear(2, 2), "Linear is a module that is built already"),
    ("train", nn.Linear(2, 2), "Linear is a module that is built already"),
]


@pytest.mark.parametrize(("path", "function"), GOOD)
def test_what_can_be_called(path, function):
    check_call(function, path)
    check_given(function, path)


@pytest.mark.parametrize(("path", "function", "words"), BAD)
def test_what_cannot_be_called(path, function, words):
    for check in (check_call, check_given):
        with pytest.raises(ModelError) as caught:
            check(function, path)
        assert words in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("given", "words"), [(3, "a int was given"), ([], "a list was given")])
def test_what_is_no_function_at_all(given, words):
    with pytest.raises(ModelError, match=words):
        check_given(given, "model")
    for fine in (None, "mlp", {"mlp": {}}):
        check_given(fine, "model")


SOURCES = [
    ("def build(config): ...", "build(config) cannot be called as build(config, info)"),
    ("def build(config: dict, info, a: int, *, b=1): ...", "build(config, info, a, *, b=1) cannot"),
    ("def build(): ...", "build() cannot be called"),
    ("async def build(config, info): ...", "build is async"),
    ("class build:\n def __init__(self, width=3): ...", "build(width=3) cannot be called"),
    ("def build(config, info): ...", ""),
    ("def build(config, info, depth=2): ...", ""),
    ("def build(*args): ...", ""),
    ("class build:\n def __init__(self, config, info): ...", ""),
    ("class build(Base): ...", ""),
    ("@wrapped\ndef build(config): ...", ""),  # nobody knows what it takes in the end
    ("def build(config): ...\nbuild = partial(build, 1)", ""),
    ("if fast:\n def build(config): ...\nelse:\n def build(config, info): ...", ""),
    ("from elsewhere import build", ""),
]


@pytest.mark.parametrize(("source", "words"), SOURCES)
def test_a_file_is_checked_without_running_it(source, words):
    tree = ast.parse(source)
    if not words:
        check_source(tree, "build", "model")
        return
    with pytest.raises(ModelError) as caught:
        check_source(tree, "build", "model")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda config, info: None, "returned nothing"),
        (lambda config, info: nn.Linear, "returned the class Linear, not a module: Linear(…)"),
        (lambda config, info: (nn.Linear(4, 3), 1), "returned a tuple, not an nn.Module"),
        (lambda config, info: [nn.Linear(4, 3)], "returned a list, not an nn.Module"),
    ],
)
def test_what_a_build_must_return(recipe, build, words):
    with pytest.raises(ModelError, match=r"^model: build\(config") as caught:
        open_trial(recipe(model="my:build", callable=build), {}, 1)
    assert words in str(caught.value)


def test_a_training_function_that_never_reports():
    def train(config, report):
        return {"loss": 1.0}

    recipe = Recipe(train="my.py:train", callable=train, monitor="score")
    trial = open_trial(recipe, {}, 1)
    with pytest.raises(ModelError, match=r"returned without a report; call report\(epoch, score="):
        trial.advance(3)
    trial.close()


def test_a_training_function_that_has_nothing_left_to_do(tmp_path):
    def train(config, report):
        if not report.checkpoint:
            tmp_path.joinpath("c").mkdir()
            report(1, checkpoint=tmp_path / "c", loss=1.0)

    recipe = Recipe(train="my.py:train", callable=train, monitor="loss")
    first = open_trial(recipe, {}, 1)
    first.advance(1)
    first.save(tmp_path / "saved")
    first.close()
    again = open_trial(recipe, {}, 1, tmp_path / "saved")
    assert again.advance(5) is True
    assert [epoch for epoch, _ in again.rows] == [1]
