"""examples/text.yaml: a few trials, its bar, and texts from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import lanewise as lw
from lanewise.cli import run

Summary = Callable[..., dict[str, Any]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "text.yaml"
BAR, BAG = 0.95, 0.8
NOISE = 0.98  # of the labels are right


@pytest.mark.long
def test_a_few_trials(summary_of: Summary) -> None:
    few = ("budget.trials=4", "budget.epochs=4", "report=false", "executor=inline")
    best = summary_of("text", *few)["best"]
    assert best["metrics"]["val_accuracy"] > 0.7
    assert best["metrics"]["val_log_loss"] < 0.65


@pytest.mark.night
@pytest.mark.timeout(900)
def test_it_keeps_its_promise(summary_of: Summary) -> None:
    told = EXAMPLE.read_text()
    assert f"val_accuracy of {BAR} or more" in told
    assert f"below {BAG}" in told
    found = summary_of("text")["best"]["metrics"]["val_accuracy"]
    assert BAR <= found <= NOISE + 0.02  # what noise leaves, and a validation part's luck
    bag = summary_of("text", "name=bag", "space.encoder=bag")["best"]["metrics"]["val_accuracy"]
    assert 0.5 < bag < BAG


def test_a_list_of_texts_and_a_frame(tmp_path: Path) -> None:
    texts = [f"it is {word} number {row % 9}" for row in range(60) for word in ("good", "bad")]
    labels = ["yes", "no"] * 60
    frame = pd.DataFrame({"said": texts, "when": range(120), "y": labels})
    for number, data in enumerate(
        ((texts, labels), {"source": (frame, "y"), "text": {"column": "said", "length": 3}})
    ):
        result = lw.tune(
            model={"text": {"encoder": "bag", "embedding": 8, "batch_size": 16}},
            data=data,
            space={"lr": lw.Float(0.02, 0.1)},
            maximize="val_accuracy",
            sampler="random",
            trials=2,
            epochs=5,
            executor="inline",
            report=False,
            home=tmp_path / str(number),
            progress=False,
        )
        assert result.best.metrics["val_accuracy"] == 1
        told = result.best.model.predict(["it is good", "it is bad"])
        assert told.tolist() == ["yes", "no"]


SWEEP = f"""
data: {{source: "python:{EXAMPLE.parent}/reviews.py:reviews", text: {{column: text}}}}
model: {{text: {{}}}}
objective: {{maximize: val_accuracy}}
space: {{lr: {{float: [0.001, 0.01]}}}}
budget: {{trials: 1}}
"""


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("data.text=words", "data.text: 'words' is not among the columns (text)"),
        ("data.text.tokens=letters", "data.text.tokens: must be 'words' or 'characters'"),
        ("data.text.lenght=3", "data.text: unknown key 'lenght', did you mean 'length'?"),
        ("data.text.vocabulary=0", "data.text.vocabulary: must be greater than or equal to 1"),
        ("data.text=[a]", "data.text: must be a mapping of keys"),
        ("data.shape=[1, 2]", "data.shape: [1, 2]: a text has no shape"),
        ("model=mlp", "data.text: the model takes a table"),
        ("space.noise=0.1", "space.noise: 0.1"),
        (
            "model.text={encoder: transformer, embedding: 6}",
            "model.text.embedding: 6 is not a multiple of heads, 4",
        ),
    ],
)
def test_mistakes_are_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, line: str
) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(SWEEP)
    assert run(["validate", str(sweep), override]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert len(said.strip().splitlines()) == 1
