"""A user's mistake is one line on stderr that names it, exit code 2, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanewise.cli import run

GOOD = """
name: bad-input
data: {source: "sklearn:iris"}
model: mlp
objective: {maximize: val_accuracy}
space:
  lr: {float: [1e-4, 1e-1], log: true}
sampler: random
budget: {trials: 1, epochs: 1}
"""
CSV = "a,b,y\n1,x,no\n2,y,no\n3,x,no\n4,y,no\n5,x,no\n"


def change(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


CASES = {
    "unknown key": (GOOD + "smapler: grid\n", "unknown key 'smapler', did you mean 'sampler'?"),
    "unknown nested key": (
        change("{trials: 1,", "{trails: 1,"),
        "budget: unknown key 'trails', did you mean 'trials'?",
    ),
    "bounds in the wrong order": (change("[1e-4, 1e-1]", "[1e-1, 1e-4]"), "space.lr: "),
    "log scale of zero": (
        change("[1e-4, 1e-1]", "[0, 1e-1]"),
        "space.lr: log scale needs low > 0, got low=0",
    ),
    "grid without points": (change("sampler: random", "sampler: grid"), "space.lr: "),
    "empty space": (change("\n  lr: {float: [1e-4, 1e-1], log: true}", " {}"), "space: "),
    "no trials": (change("trials: 1", "trials: 0"), "budget.trials: must be greater than or"),
    "no finite target": (
        change("epochs: 1", "epochs: 1, target: .nan"),
        "budget.target: must be a finite number",
    ),
    "a stall of no trials": (change("epochs: 1", "epochs: 1, stall: 0"), "budget.stall: must be"),
    "a noise that nothing measures": (
        change("epochs: 1", "epochs: 1, noise: true"),
        "budget.noise: needs a model with seeds > 1 or folds > 1",
    ),
    "a noise that is no flag": (
        change("epochs: 1", "epochs: 1, noise: 0.01"),
        "budget.noise: must be",
    ),
    "eta of one": (GOOD + "scheduler: {asha: {eta: 1}}\n", "scheduler.asha: eta must be a whole"),
    "promote that is no flag": (
        GOOD + "scheduler: {asha: {promote: maybe}}\n",
        "scheduler.asha: promote must be true or false, got 'maybe'",
    ),
    "a population without a size": (
        change("trials: 1", "total_epochs: 9") + "scheduler: pbt\n",
        "scheduler.pbt: needs budget.trials",
    ),
    "a population that changes widths": (
        change("  lr:", "  hidden: {repeat: {times: 2, of: {int: [8, 16]}}}\n  lr:")
        + "scheduler: {pbt: {mutate: [lr, hidden.1]}}\n",
        "scheduler.pbt: mutate: 'hidden.1' cannot change while mlp trains and keeps its weights "
        "(leave it out: mutate: [lr])",
    ),
    "a population that changes the size of batches": (
        change("  lr:", "  batch_size: {int: [8, 16]}\n  lr:")
        + "scheduler: {pbt: {mutate: [batch_size]}}\n",
        "scheduler.pbt: mutate: 'batch_size' cannot change while mlp trains and keeps its weights "
        "(name others)",
    ),
    "a population that changes what there is not": (
        GOOD + "scheduler: {pbt: {mutate: [rl]}}\n",
        "scheduler.pbt: mutate: 'rl' is not in the space (allowed: lr)",
    ),
    "text for a number": (change("epochs: 1", "epochs: many"), "budget.epochs: must be a whole"),
    "text for a bound": (change("[1e-4, 1e-1]", "[low, 1e-1]"), "space.lr: "),
    "no end": (change("{trials: 1, epochs: 1}", "{epochs: 1}"), "budget: give trials"),
    "missing file": (change("sklearn:iris", "csv:gone.csv"), "gone.csv"),
    "missing column": (
        change('"sklearn:iris"', '"csv:rows.csv", target: z'),
        "data.target: ",
    ),
    "no target": (change("sklearn:iris", "csv:rows.csv"), "data.target"),
    "one class": (change('"sklearn:iris"', '"csv:rows.csv", target: y'), "one class"),
    "empty csv": (change('"sklearn:iris"', '"csv:empty.csv", target: y'), "empty.csv"),
    "unknown set": (change("sklearn:iris", "sklearn:irsi"), "iris"),
    "unknown source": (change("sklearn:iris", "cvs:rows.csv"), "csv"),
    "unknown metric": (change("val_accuracy", "val_acuracy"), "did you mean 'val_accuracy'?"),
    "metric of another task": (
        change("maximize: val_accuracy", "minimize: val_rmse") + "task: classification\n",
        "val_rmse",
    ),
    "wrong direction": (change("maximize", "minimize"), "use maximize: val_accuracy"),
    "two directions": (
        change("{maximize: val_accuracy}", "{maximize: val_accuracy, minimize: val_loss}"),
        "objective: give either",
    ),
    "unknown model": (change("model: mlp", "model: mlpp"), "model: 'mlpp' is not a model"),
    "missing model file": (change("model: mlp", "model: gone.py:build"), "gone.py"),
    "missing function": (change("model: mlp", "model: mine.py:biuld"), "did you mean 'build'?"),
    "model that does not parse": (change("model: mlp", "model: broken.py:build"), "broken.py:1"),
    "unknown hyperparameter": (change("  lr:", "  learning_rate: 1\n  lr:"), "learning_rate"),
    "impossible value": (change("  lr:", "  dropout: 1.5\n  lr:"), "space.dropout: 1.5"),
    "unknown loss": (GOOD + "loss: crossentropy\n", "did you mean 'cross_entropy'?"),
    "unknown option of a loss": (GOOD + "loss: {focal: {gama: 1}}\n", "loss.gama: focal has no"),
    "loss of another task": (
        GOOD + "loss: binary_cross_entropy\n",
        "loss: 'binary_cross_entropy' is a loss of binary tasks; this task is multiclass",
    ),
    "loss against the objective": (
        GOOD + "loss: mae\n",
        "objective: 'val_accuracy' is a metric of binary and multiclass tasks",
    ),
    "loss of a training function": (
        change('data: {source: "sklearn:iris"}\nmodel: mlp', "train: mine.py:build")
        + "loss: mse\n",
        "loss: a training function brings its own loss",
    ),
    "unknown further metric": (GOOD + "metrics: [val_fi]\n", "metrics: 'val_fi' is not a metric"),
    "unknown schedule": (change("  lr:", "  schedule: cosin\n  lr:"), "did you mean 'cosine'?"),
    "class weights of fewer classes": (
        change("  lr:", "  class_weight: [1, 2]\n  lr:"),
        "space.class_weight: 2 weights for 3 classes",
    ),
    "smoothing in a regression": (
        change("model: mlp", "model: {mlp: {label_smoothing: 0.1}}").replace(
            "maximize: val_accuracy", "maximize: val_r2"
        ),
        "model.mlp.label_smoothing: 0.1 is for classification",
    ),
    "unknown norm": (change("  lr:", "  norm: bach\n  lr:"), "did you mean 'batch'?"),
    "pre-norm without a norm": (
        change(
            "  lr:", "  norm: {choice: [batch, null]}\n  pre_norm: {choice: [false, true]}\n  lr:"
        ),
        "space.pre_norm: true needs a norm (batch, layer)",
    ),
    "fixed pre-norm without a norm": (
        change("model: mlp", "model: {mlp: {pre_norm: true}}"),
        "model.mlp.pre_norm: true needs a norm (batch, layer)",
    ),
    "batches of one row": (
        change("  lr:", "  norm: {choice: [null, batch]}\n  batch_size: {choice: [8, 1]}\n  lr:"),
        "space.batch_size: 1 is too few: batch normalisation needs 2 rows or more",
    ),
    "too many blocks for the pictures": (
        change("sklearn:iris", "sklearn:digits")
        .replace("model: mlp", "model: cnn")
        .replace("  lr:", "  channels: {choice: [[4, 4], [4, 4, 4, 4]]}\n  lr:"),
        "space.channels: 4 blocks halve pictures of 8 × 8 pixels, which is possible 3 times",
    ),
    "too many blocks where they halve": (
        change("sklearn:iris", "sklearn:digits")
        .replace("model: mlp", "model: {cnn: {channels: [4, 4, 4, 4]}}")
        .replace("  lr:", "  down: {choice: [null, max]}\n  lr:"),
        "model.cnn.channels: 4 blocks halve pictures of 8 × 8 pixels",
    ),
    "a shift beyond the pictures": (
        change("sklearn:iris", "sklearn:digits")
        .replace("model: mlp", "model: cnn")
        .replace("  lr:", "  shift: {int: [0, 8]}\n  lr:"),
        "space.shift: 8 pixels lead out of pictures of 8 × 8 pixels",
    ),
    "a table for pictures": (
        change("model: mlp", "model: cnn"),
        "give data.shape: [channels, height, width]",
    ),
    "no folder of pictures": (
        change("sklearn:iris", "images:photos").replace("model: mlp", "model: cnn"),
        "photos does not exist",
    ),
    "unknown optimizer": (change("  lr:", "  optimizer: adm\n  lr:"), "did you mean 'adam'?"),
    "unknown sampler": (change("sampler: random", "sampler: randm"), "did you mean 'random'?"),
    "unknown option": (
        change("sampler: random", "sampler: {tpe: {start: 3}}"),
        "sampler.tpe: unknown option 'start'",
    ),
    "unknown scheduler": (GOOD + "scheduler: asah\n", "did you mean 'asha'?"),
    "bad eta": (GOOD + "scheduler: {asha: {eta: 1}}\n", "scheduler.asha: eta must be"),
    "unknown executor": (
        GOOD + "executor: pakced\n",
        "executor: must be 'auto', 'packed', 'tune' or 'inline', got 'pakced', "
        "did you mean 'packed'?",
    ),
    "bad split": (change('"sklearn:iris"', '"sklearn:iris", split: [0.9, 0.3, 0.1]'), "data.split"),
    "bad duration": (change("epochs: 1}", "epochs: 1, time: soon}"), "budget.time: must be"),
    "unknown failure": (GOOD + "retries: {bgu: 1}\n", "retries: no kind of failure 'bgu'"),
    "start outside the space": (GOOD + "start: [{lr: 5.0}]\n", "start.0: "),
    "tag": (GOOD + "seed: !!python/object/apply:os.getcwd []\n", "is not allowed"),
    "alias to itself": (GOOD + "start: &a [*a]\n", "an alias refers to itself"),
    "alias bomb": (
        GOOD
        + "start:\n- a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"- a: &{b} [{','.join([f'*{a}'] * 10)}]\n"
            for a, b in zip("abcde", "bcdef", strict=True)
        ),
        "once aliases are written out",
    ),
    "broken YAML": ("name: [", "sweep.yaml:1: '[' is opened here and not closed"),
    "empty file": ("", "the file is empty"),
    "only a comment": ("# nothing\n", "the file is empty"),
    "a list": ("- 1\n", "must be a mapping of keys, found a list"),
    "key twice": (GOOD + "seed: 1\nseed: 2\n", "the key 'seed' is there twice"),
    "no objective": (change("objective: {maximize: val_accuracy}", ""), "objective: is missing"),
    "model and train": (GOOD + "train: mine.py:build\n", "give either model or train"),
    "name of two lines": (change("name: bad-input", 'name: "a\\nb"'), "name: must be one line"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANEWISE_HOME", raising=False)
    (tmp_path / "rows.csv").write_text(CSV)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "mine.py").write_text("def build(config, info): ...\n")
    (tmp_path / "broken.py").write_text("def build(:\n")
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line(case: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, expected = CASES[case]
    (place / "sweep.yaml").write_text(text)
    assert run(["run", "sweep.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert not (place / ".lanewise").exists()


USAGE = {
    "no such file": (["run", "gone.yaml"], "gone.yaml: there is no such file"),
    "unknown option": (["run", "sweep.yaml", "--exectuor", "tune"], "--exectuor"),
    "unknown command": (["rnu"], "rnu"),
    "override without value": (["run", "sweep.yaml", "trials"], "an override is key=value"),
    "override below a value": (["run", "sweep.yaml", "seed.x=1"], "seed is 0"),
    "override of an unknown key": (
        ["run", "sweep.yaml", "budget.trails=1"],
        "did you mean 'trials'",
    ),
    "unknown executor": (["run", "sweep.yaml", "--executor", "fast"], "executor: must be"),
}


@pytest.mark.parametrize("case", USAGE)
def test_bad_usage_is_one_line(case: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, expected = USAGE[case]
    (place / "sweep.yaml").write_text(GOOD + "seed: 0\n")
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert len(err.splitlines()) == 1
    assert not (place / ".lanewise").exists()


COMMANDS = ("ls", "show", "best", "watch", "report", "resume", "ui", "stop", "sync")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_home_is_one_line_and_one_code_for_all_commands(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lanewise.search.store.home import Home

    told = f"lanewise: there are no sweeps in {place / '.lanewise'} yet: begin one with "
    assert run([command]) == 2  # nothing is there at all
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(told)
    assert len(err.splitlines()) == 1
    assert not (place / ".lanewise").exists()
    Home.find().journal(create=True).close()
    assert run([command]) == 2  # a journal without a sweep
    assert capsys.readouterr() == ("", err)


def test_the_list_of_an_empty_home_is_an_empty_list(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", "--json"]) == 2
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_an_unknown_sweep_is_one_line_with_the_nearest_name(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "sweep.yaml").write_text(GOOD)
    _begin(place)
    assert run([command, "bad-inptu"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "there is no sweep 'bad-inptu'" in err
    assert "did you mean 'bad-input'? (known: bad-input)" in err
    assert len(err.splitlines()) == 1


def _begin(place: Path) -> None:
    """A launch in the home's journal, without running anything."""
    from lanewise.plan import make_spec
    from lanewise.search.core.events import Launched
    from lanewise.search.store.home import Home
    from lanewise.sweepfile import read

    file = read(place / "sweep.yaml")
    journal = Home.find().journal(create=True)
    journal.append("s1", -1, [Launched("s1", file.name, make_spec(file).to_json(), {})])
    journal.close()


def test_the_good_file_is_good(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "sweep.yaml").write_text(GOOD)
    assert run(["validate", "sweep.yaml"]) == 0
    assert "bad-input: valid" in capsys.readouterr().out


def test_what_a_fixed_setting_needs_may_be_in_the_space(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = change("model: mlp", "model: {mlp: {pre_norm: true}}")
    text = text.replace("  lr:", "  norm: {choice: [batch, layer]}\n  lr:")
    (place / "sweep.yaml").write_text(text)
    assert run(["validate", "sweep.yaml"]) == 0
