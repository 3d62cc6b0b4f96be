"""Mistakes in the text of a sweep file, and others' words for our keys: told in our words, with the
line, wherever they are written.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lanewise as lw
from lanewise.cli import run
from lanewise.errors import SweepFileError
from lanewise.sweepfile import read

HEAD = """name: x
data: {source: "sklearn:iris"}
model: mlp
objective: {maximize: val_accuracy}
"""  # the next line is the fifth

YAML = {
    "tab as indentation": ("space:\n\tlr: 0.1\n", 6, "a tab; indent and separate with blanks"),
    "tab behind a colon": ("space:\n  lr:\t0.1\n", 6, "a tab"),
    "tab below blanks": ("budget:\n  trials: 3\n\tepochs: 4\n", 7, "a tab"),
    "deeper": ("space:\n  lr: 0.1\n   l2: 0\n", 7, "is indented further than the line above"),
    "less deep": ("space:\n  lr: 0.1\n l2: 0\n", 7, "is indented unlike the keys above it"),
    "one blank": (" seed: 3\n", 5, "is indented unlike the keys above it"),
    "list among keys": ("budget:\n  trials: 3\n  - 4\n", 7, "a list item ('- …') among keys"),
    "no blank at the end": ("seed:3\n", 5, "'seed:3' needs a blank behind the colon"),
    "no blank in a section": ("budget:\n  trials:3\n  epochs: 4\n", 6, "'trials:3' needs a blank"),
    "no blank in braces": ("budget: {trials:3, epochs: 4}\n", 5, "'trials:3' needs a blank"),
    "no blank, text": ("data2: {source:rows.csv}\n", 5, "'source:rows.csv' needs a blank"),
    "equals": ("seed = 3\n", 5, "'seed = 3' is no 'key: value'"),
    "two colons": ("task: a: b\n", 5, "a second ': ' in one line"),
    "open quote": ('task: "binary\nseed: 3\n', 5, "a quote is opened here and never closed"),
    "open single quote": ("task: 'binary\nseed: 3\n", 5, "a quote is opened here"),
    "open bracket": ("metrics: [val_f1\n", 5, "'[' is opened here and not closed"),
    "open bracket at the end": ("metrics: [", 5, "'[' is opened here and not closed"),
    "open brace at the end": ("budget: {\n", 5, "'{' is opened here and not closed"),
    "nested at the end": ("space:\n  lr: {float: [\n", 6, "'[' is opened here and not closed"),
    "comma at the end": ("metrics: [val_f1,\n", 5, "'[' is opened here and not closed"),
    "value left out": ("budget: {trials: ", 5, "'{' is opened here and not closed"),
    "open brace": (
        "space: {lr: {float: [0, 1]}\nseed: 3\n",
        5,
        "'{' is opened here and not closed",
    ),
    "wrong bracket": ("space: {lr: {float: [0, 1}}\n", 5, "'[' is closed by '}'"),
    "bracket too many": ("space: {lr: {float: [0, 1]}}}\n", 5, "'}' closes nothing"),
    "no comma": ("budget: {trials: 1 epochs: 2}\n", 5, "a comma is missing"),
    "tag": ("seed: !!python/name:os.getcwd\n", 5, "the tag !!python/name:os.getcwd is not allowed"),
    "own tag": ("seed: !x 3\n", 5, "the tag !x is not allowed"),
    "at": ("task: @binary\n", 5, "a value cannot begin with '@'; put it in quotes"),
    "percent": ("task: %binary\n", 5, "a value cannot begin with '%'"),
    "alias": ("seed: *a\n", 5, "there is no &a to refer to"),
    "star": ("source: *.csv\n", 5, "needs quotes"),
    "documents": ("---\nname: y\n", 5, "a second document ('---')"),
    "twice": ("seed: 1\nbudget: {trials: 1}\nseed: 2\n", 7, "the key 'seed' is there twice"),
    "backslash": ('task: "a\\d"\n', 5, "a path with backslashes needs single ones"),
    "typographic quotes": ("task: “binary”\n", 5, "typographic quotes"),
    "no-break space": ("seed:\N{NO-BREAK SPACE}3\n", 5, "a no-break space"),
    "a list as key": ("? [a]\n: 3\n", 5, "a key must be a word"),
    "a number as key": ("3: 4\n", 5, "a key must be text, got 3"),
    "control character": ("task: a\x01b\n", 5, "holds the character U+0001"),
    "unknown key": (
        "seed: 1\nbudget:\n  epochs: 3\n  trails: 2\n",
        8,
        "budget: unknown key 'trails'",
    ),
    "wrong type": ("budget:\n  trials: many\n", 6, "budget.trials: must be a whole number"),
    "empty section": ("budget:\n", 5, "budget: must be a mapping of keys (trials, epochs"),
}


def mistake(path: Path, *overrides: str) -> str:
    with pytest.raises(SweepFileError) as caught:
        read(path, overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("case", YAML)
def test_what_is_no_yaml_or_no_sweep_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    text, line, words = YAML[case]
    file = tmp_path / "sweep.yaml"
    file.write_text(HEAD + text, encoding="utf-8")
    told = mistake(file)
    assert told.startswith(f"{file}:{line}: ")
    assert words in told


def test_a_deep_file_and_a_bomb_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("a: " + "[" * 5000 + "]" * 5000)
    assert mistake(file) == f"{file}: is nested too deeply"
    pairs = zip("abcdef", "bcdefg", strict=True)
    bomb = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 12)}]\n" for a, b in pairs)
    file.write_text("a: &a [1, 2]\n" + bomb)
    assert "once aliases are written out" in mistake(file)


BYTES = {
    "folder": (None, "is a folder; give a sweep file"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "is a binary file, no sweep file"),
    "numbers": (bytes(range(256)), "is a binary file, no sweep file"),
    "UTF-16": (HEAD.encode("utf-16"), "is UTF-16; save it as UTF-8"),
    "Latin-1": ("seed: 1\nname: Köln\n".encode("latin-1"), "sweep.yaml:2: is not UTF-8"),
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "list": (b"- seed: 3\n", "must be a mapping of keys, found a list"),
    "text": (b"hello\n", "must be a mapping of keys, found text"),
    "null": (b"null\n", "must be a mapping of keys, found nothing"),
}


@pytest.mark.parametrize("case", BYTES)
def test_what_is_no_sweep_file_at_all(case: str, tmp_path: Path) -> None:
    body, words = BYTES[case]
    file = tmp_path / "sweep.yaml"
    if body is None:
        file.mkdir()
    else:
        file.write_bytes(body)
    assert words in mistake(file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_byte_order_mark_and_windows_lines_are_read(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_bytes(HEAD.replace("\n", "\r\n").encode(encoding))
    assert read(tmp_path / "sweep.yaml").name == "x"


OVERRIDES = {
    "trials=5": "'trials=5': unknown key 'trials', did you mean 'budget.trials'?",
    "n_trials=5": "did you mean 'budget.trials'?",
    "budget.max_epochs=5": "'budget.max_epochs=5': budget: unknown key 'max_epochs', did you mean "
    "'epochs'?",
    "lr=0.1": "did you mean 'space.lr'?",
    "learning_rate=0.1": "did you mean 'space.lr'?",
    "optimizer=adam": "did you mean 'space.optimizer'?",
    "target=y": "did you mean 'data.target'?",
    "maximise=val_accuracy": "did you mean 'objective.maximize'?",
    "mode=max": "did you mean 'objective.maximize' or 'objective.minimize'?",
    "executor=ray": "'executor=ray': executor: must be 'auto', 'packed', 'tune' or 'inline', got "
    "'ray', did you mean 'tune'?",
    "budget.seed=3": "did you mean 'seed'?",
    "budget=5": "'budget=5': budget: must be a mapping of keys (trials, epochs",
    "metrics=[val_f1": "'metrics=[val_f1': '[' is opened here and not closed",
    "budget.trials=many": "'budget.trials=many': budget.trials: must be a whole number",
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_is_named_where_it_is_the_mistake(override: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(HEAD)
    told = mistake(tmp_path / "sweep.yaml", override)
    assert OVERRIDES[override] in told


OPTIONS = {
    "--trials": "a key of the sweep file is given as budget.trials=…",
    "--n-trials": "budget.trials=…",
    "--lr": "space.lr=…",
    "--sampler": "sampler=…",
    "--budget.trials": "budget.trials=…",
    "--exectuor": "Possible options: --executor",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_is_a_key_is_told_how_to_write_it(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.yaml").write_text(HEAD)
    assert run(["run", str(tmp_path / "sweep.yaml"), option, "3"]) == 2
    told = capsys.readouterr().err
    assert OPTIONS[option] in told
    assert len(told.splitlines()) == 1


ARGUMENTS = {
    "n_trials": (5, "did you mean 'trials'?"),
    "num_samples": (5, "did you mean 'trials'?"),
    "max_epochs": (5, "did you mean 'epochs'?"),
    "metric": ("val_loss", "did you mean 'maximize' or 'minimize'?"),
    "direction": ("maximize", "did you mean 'maximize' or 'minimize'?"),
    "search_space": ({}, "did you mean 'space'?"),
    "pruner": ("asha", "did you mean 'scheduler'?"),
    "random_state": (1, "did you mean 'seed'?"),
    "learning_rate": (0.1, "did you mean 'space.lr'?"),
    "smapler": ("tpe", "did you mean 'sampler'?"),
    "budget": (5, "budget: must be a mapping of keys"),
    "sampler": ("bayesian", "did you mean 'tpe'?"),
    "scheduler": ("ASHAScheduler", "did you mean 'asha'?"),
    "loss": ("CrossEntropyLoss", "did you mean 'cross_entropy'?"),
    "task": ("classify", "did you mean 'classification'?"),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_others_words_in_python(argument: str, tmp_path: Path) -> None:
    value, words = ARGUMENTS[argument]
    with pytest.raises(ValueError, match=re.escape(words)):
        lw.tune(
            model="mlp",
            data="sklearn:iris",
            space={"lr": 0.1},
            maximize="val_accuracy",
            home=tmp_path,
            executor="inline",
            **{argument: value},
        )
    assert not list(tmp_path.iterdir())


SPACES = {
    "learning_rate": (0.1, "space.learning_rate: mlp has no hyperparameter", "did you mean 'lr'?"),
    "weight_decay": (0.1, "space.weight_decay", "did you mean 'l2'?"),
    "optimizer": ("Adam", "space.optimizer: 'Adam' is not an optimizer", "did you mean 'adam'?"),
    "activation": ("ReLU", "space.activation", "did you mean 'relu'?"),
    "lr": ({"loguniform": [1e-4, 1]}, "space.lr", "did you mean {float: [low, high], log: true}?"),
    "l2": ("loguniform(1e-4, 1e-1)", "space.l2", "did you mean {float: [low, high], log: true}?"),
    "dropout": (("uniform", 0, 0.5), "space.dropout", "did you mean {float: [low, high]}?"),
}


@pytest.mark.parametrize("name", SPACES)
def test_others_words_in_the_space(name: str, tmp_path: Path) -> None:
    value, path, hint = SPACES[name]
    with pytest.raises(ValueError, match=f"^{path}.*{re.escape(hint)}"):
        lw.tune(
            model="mlp",
            data="sklearn:iris",
            space={name: value},
            maximize="val_accuracy",
            trials=1,
            home=tmp_path,
            executor="inline",
        )


@pytest.mark.parametrize(
    ("option", "hint"),
    [("lr", "'lr'"), ("learning_rate", "'lr'"), ("weight_decay", "'l2'")],
)
def test_what_stands_beside_the_optimizer_is_told(option: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"did you mean {hint}, which stands beside optimizer"):
        lw.tune(
            model="mlp",
            data="sklearn:iris",
            space={"optimizer": {"adam": {option: 0.1}}},
            maximize="val_accuracy",
            trials=1,
            home=tmp_path,
            executor="inline",
        )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "digits.yaml").write_text(HEAD)
    for name in ("digits.yml", "digit.yaml", "Digits.yaml"):
        there = tmp_path / "digits.yaml"
        assert mistake(tmp_path / name).endswith(f"no such file, did you mean '{there}'?")
    assert mistake(tmp_path / "else.yaml").endswith("there is no such file")
    assert mistake(Path("budget.trials=5")).endswith("the sweep file comes first, then key=value")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["best", "--top", "0"], "'--top': must be greater than or equal to 1"),
        (["show", "--trial", "x"], "'--trial': must be a whole number"),
        (["watch", "--interval", "often"], "'--interval': must be a number"),
        (["shw"], "No such command 'shw'. Did you mean 'show'?"),
        (["run"], "Missing argument 'file'"),
    ],
)
def test_a_bad_value_of_an_option(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1
