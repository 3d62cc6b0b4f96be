"""The model card of a version, in Markdown: what it is, how it was chosen, and where it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lanewise.dashboards.digits import metric, rows_of
from lanewise.dashboards.summary import counts
from lanewise.dashboards.words import counted, numbered, settings
from lanewise.dashboards.worth import corrected_of, interval
from lanewise.registry.limits import duration, size
from lanewise.registry.variants import Measured, Variant
from lanewise.search.core.history import Trial
from lanewise.search.store.view import View
from lanewise.testpart import Evaluation
from lanewise.trainables.data.dataset import Prepared
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.tokens import Tokens

MOST_COLUMNS = 40  # whose ranges are listed
TIMES = ("p50 of 1 row", "p99", "p50 of 32", "p99")
MOST_LEVELS = 8  # values of a category that are listed

BEYOND = """- The corrected score allows for having taken the best of many trials on the same validation rows, and
  for nothing else: rows from elsewhere, from later, or of groups that the data do not hold may do worse.
- The variants were compared on these validation rows, too: small differences between them may be chance.
- Values outside of the ranges below were never seen in training; words that are not listed as values
  count as none of them."""  # noqa: E501  (Markdown)


@dataclass(frozen=True)
class Facts:
    """What a card says.

    prepared: the data of the model's training.
    is_refit: whether the validation part was trained on, too; evaluation: of that final model.
    """

    name: str
    view: View
    trial: Trial
    prepared: Prepared
    info: Info
    fitted: Inputs
    measured: Measured
    is_refit: bool
    evaluation: Evaluation | None
    versions: Mapping[str, str]


def card(facts: Facts) -> str:
    """The whole card."""
    parts = (
        f"# {facts.name}",
        "\n".join(_opening(facts)),
        "## Trained on\n\n" + "\n".join(_data(facts)),
        "## Chosen\n\n" + "\n".join(_choice(facts)),
        "## Variants\n\n" + "\n".join(_variants(facts)),
        "## Limits\n\n" + BEYOND,
        "### Seen in training\n\n" + "\n".join(_ranges(facts.prepared, facts.fitted)),
        "## Configuration\n\n"
        + "\n".join(table(("name", "value"), settings(facts.trial.best_params))),
        "## Made with\n\n" + ", ".join(f"{name} {v}" for name, v in facts.versions.items()),
    )
    return "\n\n".join(parts) + "\n"


def _opening(facts: Facts) -> Iterator[str]:
    launch, info = facts.view.launch, facts.info
    day = time.strftime("%Y-%m-%d", time.gmtime())
    yield (
        f"Model `{launch.details.get('model')}` for {info.task}, promoted on {day} from trial "
        f"{facts.trial.number} of the sweep {launch.name} (`{launch.sweep}`)."
    )
    if info.classes is not None:
        labels = [f"`{label}`" for label in info.classes]
        more = f", … ({len(labels)} in all)" if len(labels) > 20 else ""
        yield f"Classes: {', '.join(labels[:20])}{more}."


def _data(facts: Facts) -> Iterator[str]:
    data = facts.view.launch.details.get("data") or {}
    parts = data.get("parts") or {}
    shares = ", ".join(f"{count:,} {part}" for part, count in parts.items())
    shape = f"{data.get('rows', 0):,} rows × {data.get('columns')} columns"
    yield f"- source: `{data.get('source')}`, {shape}"
    yield f"- sha256 of its rows: `{data.get('hash')}`"
    how = ", ".join(f"{key} `{data[key]}`" for key in ("group", "order", "stratify") if key in data)
    folds = f", {data['folds']} folds" if data.get("folds") else ""
    yield f"- split: {shares}{folds}{', by ' + how if how else ''}; seed {facts.view.spec.seed}"
    if data.get("target"):
        yield f"- target: `{data['target']}`"
    if facts.is_refit:
        yield "- weights: trained anew on the training and the validation part together"


def _choice(facts: Facts) -> Iterator[str]:
    view, trial = facts.view, facts.trial
    name, rows = view.spec.objective.metric, rows_of(view.launch)
    assert trial.best is not None
    naive = metric(name, trial.best[1], rows)
    is_best = trial is view.history.best
    why = "the best" if is_best else "taken by hand, not the best"
    yield f"- trial {trial.number}, {why} of {counted(counts(view))}"
    yield f"- {name} {naive} at epoch {trial.best[0]}, as it was selected by: too good by chance"
    told = corrected_of(view.history)
    if is_best and told["corrected"] is not None:
        yield f"- corrected for having been selected: {interval(name, told['corrected'], rows)}"
        if told["tied"]:
            yield f"- tied with it, so that the differences may be chance: {numbered(told['tied'])}"
    elif is_best:
        reason = view.history.notes.get("correction", "it is not known for this sweep")
        yield f"- no corrected score: {reason}"
    yield from _tested(facts, rows)


def _tested(facts: Facts, rows: Mapping[str, int]) -> Iterator[str]:
    if facts.evaluation is not None:
        uses = len(facts.evaluation.earlier) + 1
        found, count = facts.evaluation.metrics, f", use {uses} of it"
        whose = f"the final model on the {facts.evaluation.rows} rows of the test part{count}"
    else:
        mine = [each for _, each in facts.view.uses if each.trial == facts.trial.number]
        if not mine:
            yield "- the test part was not used"
            return
        found, whose = mine[-1].metrics, "on the test part, by `lanewise test`"
    shown = ", ".join(f"{key} {metric(key, value, rows)}" for key, value in found.items())
    yield f"- {whose}: {shown}"


def _variants(facts: Facts) -> Iterator[str]:
    if facts.measured.unexported:
        yield f"A PyTorch bundle, since it does not export: {facts.measured.unexported}"
        return
    name, rows = facts.measured.metric, rows_of(facts.view.launch)
    on = "rows that the final model was trained on" if facts.is_refit else "the validation part"
    yield f"Chosen: **{facts.measured.chosen}**. {name} on {on}; latency on one thread."
    yield ""
    yield from table(*variant_table(facts.measured.variants, name, rows))
    yield ""
    yield "![what each variant costs and is worth](tradeoff.svg)"


def variant_table(
    variants: Iterable[Variant], name: str, rows: Mapping[str, int]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows of what was measured."""
    heads = ("variant", name, "Δ float32", "size", "parameters", *TIMES)
    body: list[tuple[str, ...]] = []
    for each in variants:
        if each.problem:
            body.append((each.name, each.problem, *("–" for _ in heads[2:])))
            continue
        value = metric(name, each.value, rows)
        delta = "" if each.name == "float32" else f"{each.delta:+.4f}"
        times = (each.p50_of_1, each.p99_of_1, each.p50_of_32, each.p99_of_32)
        costs = (size(each.size), f"{each.parameters:,}", *map(duration, times))
        body.append((each.name, value, delta, *costs))
    return heads, body


def _ranges(prepared: Prepared, fitted: Inputs) -> Iterator[str]:
    if isinstance(fitted, Tokens):
        yield f"{fitted.vocabulary:,} tokens, texts of at most {fitted.length} of them."
        return
    if not isinstance(fitted, Preprocess):
        yield f"Examples of the shape {' × '.join(map(str, fitted.shape))}."
        return
    found = list(_columns(np.asarray(prepared.folds[0].x_train), fitted))
    yield from table(("column", "values"), found[:MOST_COLUMNS])
    if len(found) > MOST_COLUMNS:
        yield f"\n… and {len(found) - MOST_COLUMNS} columns more."


def _columns(inputs: Any, fitted: Preprocess) -> Iterator[tuple[str, str]]:
    """(name, values): a number's range in its own units, a category's most frequent values."""
    place = 0
    for number in fitted.numbers:
        column = inputs[:, place].astype(np.float64) * number.scale + number.mean
        gaps = ", some missing" if number.missing else ""
        low, high = (_rounded(float(end), number.scale) for end in (column.min(), column.max()))
        yield number.name, f"{low:.6g} to {high:.6g}{gaps}"
        place += 1 + number.missing
    for kind in fitted.categories:
        shown = ", ".join(f"`{level}`" for level in kind.levels[:MOST_LEVELS])
        more = f", … ({len(kind.levels)} in all)" if len(kind.levels) > MOST_LEVELS else ""
        yield kind.name, f"{shown}{more}{', some missing' if kind.missing else ''}"


def _rounded(value: float, scale: float) -> float:
    """Without what single precision has left of a zero."""
    return round(value, 5 - math.floor(math.log10(scale))) + 0.0


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
