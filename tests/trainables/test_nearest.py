"""What people write instead of our words of training, and what they are told that they mean."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lanewise.trainables.config import SCHEDULES, TRAINING, knobs_of
from lanewise.trainables.errors import _fold, nearest
from lanewise.trainables.knobs import ACTIVATIONS, INITS, NORMS
from lanewise.trainables.metrics.names import LOSSES, METRICS, TASKS
from lanewise.trainables.models import MODELS
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.synonyms import SYNONYMS

MLP = knobs_of("mlp")


@pytest.mark.parametrize(
    ("word", "names", "meant"),
    [
        ("learning_rate", MLP, "lr"),
        ("learningRate", MLP, "lr"),
        ("LR", MLP, "lr"),
        ("weight_decay", MLP, "l2"),
        ("hidden_layer_sizes", MLP, "hidden"),
        ("Batch-Size", MLP, "batch_size"),
        ("hiden", MLP, "hidden"),
        ("Adam", OPTIMIZERS, "adam"),
        ("torch.optim.AdamW", OPTIMIZERS, "adamw"),
        ("SGD", OPTIMIZERS, "sgd"),
        ("val_acc", METRICS, "val_accuracy"),
        ("accuracy", METRICS, "val_accuracy"),
        ("f1_score", METRICS, "val_f1"),
        ("loss", METRICS, "val_loss"),
        ("nn.CrossEntropyLoss", LOSSES, "cross_entropy"),
        ("MSELoss", LOSSES, "mse"),
        ("ReLU", ACTIVATIONS, "relu"),
        ("swish", ACTIVATIONS, "silu"),
        ("rows.cvs", ["rows.csv", "csv"], "rows.csv"),
        ("Price", ["price", "Prices"], "price"),
    ],
)
def test_the_meant_name_is_told(word: str, names: Iterable[str], meant: str) -> None:
    assert nearest(word, names) == f"; did you mean {meant!r}?"


def test_a_meaning_that_is_not_allowed_is_no_help() -> None:
    assert nearest("learning_rate", ["momentum", "nesterov"]) == ""
    assert nearest("", MLP) == ""


def test_every_synonym_leads_to_a_word_of_ours() -> None:
    """A renamed hyperparameter, metric or loss must be renamed here, too."""
    families = (
        *(each.options for each in OPTIMIZERS.values()),
        *SCHEDULES.values(),
        *(model.knobs for model in MODELS.values()),
    )
    options = {key for knobs in families for key in knobs}
    ours = {*TRAINING, *OPTIMIZERS, *SCHEDULES, *METRICS, *LOSSES, *TASKS, *MODELS, *options}
    ours |= {*ACTIVATIONS, *INITS, *NORMS, "float32", "float16", "bfloat16", "series"}
    ours |= {"classification"}
    assert {meaning for meanings in SYNONYMS.values() for meaning in meanings} <= ours
    assert {word for word in SYNONYMS if _fold(word) != word} == set()
