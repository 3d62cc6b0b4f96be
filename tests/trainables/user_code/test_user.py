import subprocess
import sys
import traceback

import pytest

from lanewise.trainables.errors import ModelError
from lanewise.trainables.recipe import check_model
from lanewise.trainables.trial import open_trial
from lanewise.trainables.user_code.references import locate, resolve

MODEL = """
from dataclasses import dataclass
import torch
from torch import nn
from beside import WIDTH

@dataclass
class Options:
    width: int = WIDTH

def build(config, info):
    if config.get("fail"):
        raise KeyError("my own mistake")
    width = Options().width
    return nn.Sequential(
        nn.Linear(info.input_shape[0], width), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(width, info.outputs),
    )

number = 3
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "beside.py").write_text("WIDTH = 7\n")
    (tmp_path / "broken.py").write_text("import torch\n1 / 0\n")
    (tmp_path / "syntax.py").write_text("def f(:\n")
    (tmp_path / "needs.py").write_text("import not_installed_here\n")
    return tmp_path


def test_a_file_is_loaded_once_and_anew_when_edited(home):
    first = resolve("model.py:build", home)
    assert resolve("model.py:build", home) is first
    assert resolve(f"{home}/model.py:build", "/") is first
    (home / "model.py").write_text("def build(config, info): return 1\n")
    assert resolve("model.py:build", home)({}, None) == 1


def test_two_files_of_one_name(home):
    other = home / "other"
    other.mkdir()
    (other / "model.py").write_text("def build(config, info): return 2\n")
    assert resolve("other/model.py:build", home) is not resolve("model.py:build", home)


def test_packages(home):
    assert resolve("json:dumps", home)([1]) == "[1]"
    (home / "mypackage").mkdir()
    (home / "mypackage" / "part.py").write_text("def build(config, info): return 5\n")
    assert resolve("mypackage.part:build", home)({}, None) == 5


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("model.py", "is no reference to code"),
        ("model.py:", "is no reference to code"),
        ("modle.py:build", "did you mean 'model.py'?"),
        ("model.py:biuld", "did you mean 'build'?"),
        ("model.py:number", "'number' in model.py is a int, not a function"),
        ("broken.py:f", "broken.py does not import: ZeroDivisionError"),
        ("syntax.py:f", "syntax.py does not import: SyntaxError"),
        ("needs.py:f", "needs.py does not import: ModuleNotFoundError: No module named"),
        ("nowhere.at_all:f", "no module 'nowhere'"),
    ],
)
def test_errors_are_one_line(home, reference, words):
    with pytest.raises(ModelError) as caught:
        resolve(reference, home)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.path == "model"


def test_an_import_error_shows_the_users_line(home):
    with pytest.raises(ModelError) as caught:
        resolve("broken.py:f", home)
    assert f'{home}/broken.py", line 2' in "".join(traceback.format_exception(caught.value))


def test_models_are_checked_without_running_them(home):
    check_model("mlp", home)
    check_model("broken.py:f", home)
    with pytest.raises(ModelError, match="did you mean 'mlp'"):
        check_model("mpl", home)
    with pytest.raises(ModelError, match="no file"):
        check_model("nothing.py:f", home)


def test_locating_runs_nothing(home):
    assert locate("broken.py:f", home) == home / "broken.py"


def test_a_users_model_trains(home, recipe):
    shared = recipe(model="model.py:build", base=str(home))
    trial = open_trial(shared, {"lr": 0.01}, 1)
    trial.advance(3)
    assert trial.rows[-1][1]["val_loss"] < trial.rows[0][1]["val_loss"]
    with pytest.raises(KeyError, match="my own mistake") as caught:
        open_trial(shared, {"fail": 1}, 1)
    assert f"{home}/model.py" in "".join(traceback.format_exception(caught.value))


def test_in_another_process_through_cloudpickle(home, recipe):
    cloudpickle = pytest.importorskip("cloudpickle")
    (home / "r").write_bytes(cloudpickle.dumps(recipe(model="model.py:build", base=str(home))))
    script = (
        "import pickle; from lanewise.trainables.trial import open_trial\n"
        f"r = pickle.load(open({str(home / 'r')!r}, 'rb'))\n"
        "t = open_trial(r, {}, 1); t.advance(1); print(t.rows[0][1]['val_loss'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    here = open_trial(recipe(model="model.py:build", base=str(home)), {}, 1)
    here.advance(1)
    assert float(run.stdout) == here.rows[0][1]["val_loss"]
