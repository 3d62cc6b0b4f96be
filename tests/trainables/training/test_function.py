import json
import tempfile
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

from lanewise.trainables.errors import BadValue, CheckpointError, StopTrial, TrainableError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.function import user_folder
from lanewise.trainables.trial import open_trial


def opened(train, config=None, checkpoint=None, **more):
    recipe = Recipe(train="my.py:train", callable=train, monitor="loss", **more)
    return open_trial(recipe, config or {}, 7, checkpoint)


def counting(config, report):
    """Adds config["by"] per epoch; keeps its total in a folder that is gone after the report."""
    total, first = 0, 1
    if report.checkpoint:
        state = json.loads((report.checkpoint / "state.json").read_text())
        total, first = state["total"], state["epoch"] + 1
        assert first == report.epoch + 1
    for epoch in range(first, 10):
        total += config["by"]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.json").write_text(json.dumps({"total": total, "epoch": epoch}))
            report(epoch, checkpoint=folder, loss=1 / total)


def test_one_side_runs_at_a_time():
    seen = []

    def train(config, report):
        for epoch in range(1, 5):
            seen.append(epoch)
            report(epoch, loss=epoch, accuracy=np.float32(0.5))

    trial = opened(train)
    assert trial.advance(2) is False
    time.sleep(0.05)
    assert seen == [1, 2]
    assert trial.rows == [(1, {"loss": 1, "accuracy": 0.5}), (2, {"loss": 2, "accuracy": 0.5})]
    assert trial.advance(2) is False
    assert trial.advance(9) is True
    assert trial.epoch == 4
    assert trial.advance(9) is True


def test_time_slices():
    trial = opened(counting, {"by": 1})
    assert trial.advance(9, seconds=0) is False
    assert trial.epoch == 1
    trial.close()


def test_resume_equals_going_straight(tmp_path):
    straight = opened(counting, {"by": 2})
    assert straight.advance(9) is False  # blocked in its last report
    assert straight.advance(10) is True
    first = opened(counting, {"by": 2})
    first.advance(3)
    first.save(tmp_path / "c")
    first.advance(5)
    first.save(tmp_path / "c")
    first.close()
    resumed = opened(counting, {"by": 2}, tmp_path / "c")
    assert resumed.epoch == 5
    assert resumed.rows == straight.rows[:5]
    resumed.save(tmp_path / "c")  # before it has done anything
    resumed.advance(100)
    assert resumed.rows == straight.rows
    resumed.save(tmp_path / "c")
    assert json.loads((user_folder(tmp_path / "c") / "state.json").read_text())["total"] == 18
    assert len(list((tmp_path / "c").iterdir())) == 2


def test_without_a_checkpoint_it_starts_again(tmp_path):
    def train(config, report):
        assert report.checkpoint is None
        for epoch in range(1, 4):
            report(epoch, loss=0.0)

    trial = opened(train)
    trial.advance(2)
    trial.save(tmp_path / "c")
    again = opened(train, checkpoint=tmp_path / "c")
    assert (again.epoch, again.rows) == (0, [])
    again.advance(3)
    assert again.epoch == 3


@pytest.mark.parametrize("damage", ["missing", "text", "folder"])
def test_damaged_checkpoints(tmp_path, damage):
    trial = opened(counting, {"by": 1})
    trial.advance(2)
    trial.save(tmp_path / "c")
    trial.close()
    if damage == "folder":
        user = user_folder(tmp_path / "c")
        user.rename(tmp_path / "gone")
    elif damage == "text":
        (tmp_path / "c" / "rows.json").write_text("{")
    else:
        (tmp_path / "c" / "rows.json").unlink()
    with pytest.raises(CheckpointError):
        opened(counting, {"by": 1}, tmp_path / "c")


def test_close_stops_the_function():
    ended = threading.Event()

    def train(config, report):
        try:
            for epoch in range(1, 100):
                try:
                    report(epoch, loss=0.0)
                except Exception:
                    pytest.fail("StopTrial is no Exception")
        except StopTrial:
            ended.set()
            raise

    trial = opened(train)
    trial.advance(1)
    trial.close()
    assert ended.wait(5)


def test_a_users_exception_keeps_its_traceback():
    def train(config, report):
        report(1, loss=1.0)
        raise KeyError("my own mistake")

    trial = opened(train)
    trial.advance(1)
    with pytest.raises(KeyError) as caught:
        trial.advance(2)
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError("my own mistake")' in text


def test_sys_exit_does_not_end_the_worker():
    def train(config, report):
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="raised SystemExit"):
        opened(train).advance(1)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        (
            [(1, {"loss": 1}), (1, {"loss": 1})],
            "epoch must be a whole number above 1, the last one",
        ),
        ([(0, {"loss": 1})], "epoch must be a whole number above 0"),
        ([(1.5, {"loss": 1})], "it is 1.5"),
        ([(1, {"acc": 1})], "'loss', the objective, is not among the metrics (acc)"),
        ([(1, {"loss": "1"})], "loss must be a number, not str '1'"),
        ([(1, {"loss": np.zeros(2)})], "loss must be a number, not ndarray"),
        ([(1, {"loss": 1, "checkpoint": "/not/there"})], "is not a folder"),
    ],
)
def test_wrong_reports_are_raised_into_the_users_code(calls, words):
    def train(config, report):
        for epoch, metrics in calls:
            report(epoch, **metrics)

    with pytest.raises(TrainableError) as caught:
        opened(train).advance(9)
    assert words in str(caught.value)
    assert "report(epoch, **metrics)" in "".join(traceback.format_exception(caught.value))


def test_nan():
    def train(config, report):
        report(1, loss=1.0, other=float("nan"))
        report(2, loss=float("nan"))

    trial = opened(train)
    trial.advance(1)
    assert trial.rows == [(1, {"loss": 1.0})]
    with pytest.raises(BadValue, match="epoch 2: loss is nan"):
        trial.advance(2)


def test_fixed_settings_and_references(tmp_path):
    code = "def train(config, report):\n    report(1, loss=config['a'] + config['b'])\n"
    (tmp_path / "my.py").write_text(code)
    recipe = Recipe(train="my.py:train", fixed={"a": 1, "b": 2}, base=str(tmp_path), monitor="loss")
    trial = open_trial(recipe, {"b": 5}, 0)
    trial.advance(1)
    assert trial.rows == [(1, {"loss": 6})]
