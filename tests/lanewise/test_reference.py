"""The reference of the sweep file: complete, up to date, and in agreement with what is accepted."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from lanewise import yaml
from lanewise.errors import SweepFileError
from lanewise.reference import DOMAINS, markdown
from lanewise.schema import json_schema
from lanewise.spaces.form import READERS
from lanewise.sweepfile import parse
from lanewise.trainables.config import SCHEDULES, TRAINING
from lanewise.trainables.models import MODELS

PAGE = Path(__file__).parent.parent.parent / "docs" / "sweep-file.md"
SWEEP = """
name: small
data: {source: "sklearn:diabetes"}
model: mlp
objective: {minimize: val_loss}
"""
GOOD = [
    "budget: {time: 1h30m, trials: 3}",
    "budget: {time: 90}",
    "checkpoint: {every: 10 s, limit: 2 GB}",
    "sampler: random",
    "sampler: {tpe: {startup: 3}}",
    "sampler: mine.py:Sampler",
    "scheduler: none",
    "loss: {huber: {delta: 2}}",
    "limits: {trial: null, epoch: 5m}",
    "space: {lr: {float: [1e-4, 1e-1], log: true}, hidden: [32]}",
    "space: {optimizer: {choice: [adam, {sgd: {momentum: {float: [0, 0.9]}}}]}}",
]
BAD = [
    "budget: {time: soon}",
    "budget: {time: 0}",
    "checkpoint: {limit: 2 XB}",
    "sampler: {tpe: {}, random: {}}",
    "colour: red",
    "seed: -1",
]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run `make docs` and commit the page"


def test_every_key_and_hyperparameter_is_explained() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    keys = [row for row in rows if row.count(" | ") == 3]
    assert len(keys) > 60
    assert [row for row in keys if row.endswith("|  |")] == []
    options = [knob for options in SCHEDULES.values() for knob in options.values()]
    knobs = [*TRAINING.values(), *options, *(k for m in MODELS.values() for k in m.knobs.values())]
    assert all(knob.about for knob in knobs)


def test_every_form_of_a_domain_is_explained() -> None:
    assert DOMAINS.keys() == READERS.keys()


@pytest.mark.parametrize("more", GOOD)
def test_editors_accept_what_is_accepted(more: str) -> None:
    body = yaml.load(SWEEP + more, "small.yaml")
    parse(body, "small.yaml")
    jsonschema.validate(body, json_schema())


@pytest.mark.parametrize("more", BAD)
def test_editors_refuse_what_is_refused(more: str) -> None:
    body = yaml.load(SWEEP + more, "small.yaml")
    with pytest.raises(SweepFileError):
        parse(body, "small.yaml")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, json_schema())
