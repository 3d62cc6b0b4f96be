"""The reference of the sweep file as Markdown, made from the schema and the registries.

`lanewise schema --markdown` prints it, `make docs` writes it to docs/sweep-file.md, and a test
compares the two: what is registered is documented.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from lanewise.schema import json_schema
from lanewise.search.core.spec import RETRIES
from lanewise.search.samplers import SAMPLERS, optuna
from lanewise.search.schedulers import SCHEDULERS
from lanewise.spaces.form import READERS
from lanewise.trainables.config import SCHEDULES, TRAINING
from lanewise.trainables.knobs import Family, Knob, Maybe
from lanewise.trainables.metrics.names import BASE, LOSSES, METRICS, OF_TRAINING, PARTS, TASKS
from lanewise.trainables.models import MODELS
from lanewise.trainables.optim import OPTIMIZER

DOMAINS = {
    "float": (
        "{float: [low, high]}",
        "a real number. `log: true` draws evenly in its logarithm, `step: 0.1` in steps from "
        "`low`, and `grid: 5` or `grid: [0.1, 0.5]` gives the sampler `grid` its points",
    ),
    "int": (
        "{int: [low, high]}",
        "a whole number, `high` included; with the same `log, step, grid`",
    ),
    "choice": (
        "{choice: [a, b, …]}",
        "one of these; an option is a value, a list, or a name with a space of its own: "
        "`{sgd: {momentum: {float: [0, 0.99]}}}`",
    ),
    "repeat": (
        "{repeat: {times: [1, 3], of: …}}",
        "a list whose length varies too; `times: 2` fixes it",
    ),
    "constant": ("{constant: value}", "always this value; the bare value says the same"),
}

# Keys whose values have a section of their own on the page.
LINKS = {
    "model": "[a model](#hyperparameters)",
    "space": "[domains](#the-search-space)",
    "sampler": "[a sampler](#samplers-and-schedulers)",
    "scheduler": "[a scheduler](#samplers-and-schedulers)",
    "loss": "[a loss](#losses)",
    "metrics": "list of [metrics](#metrics)",
    "retries": "mapping of [kinds](#failures-and-retries) to whole numbers ≥ 0",
}


def markdown() -> str:
    """The whole page: the prose of reference.md around the tables."""
    prose = Path(__file__).with_name("reference.md").read_text(encoding="utf-8")
    models = (f"### `{name}`\n\n{_knobs(model.knobs)}" for name, model in MODELS.items())
    return Template(prose).substitute(
        keys="\n\n".join(_keys(json_schema())),
        table=_domains(),
        samplers=_plugins(SAMPLERS, given=2),
        optuna=", ".join(_code(f"optuna:{name}") for name in optuna.NAMES),
        schedulers=_plugins(SCHEDULERS, given=1),
        training=_knobs(TRAINING),
        models="\n\n".join(models),
        optimizers=_family(OPTIMIZER.members),
        schedules=_family(SCHEDULES),
        losses=_losses(),
        metrics=_metrics(),
        retries=_table("kind", "retries", rows=((_code(k), str(n)) for k, n in RETRIES.items())),
    )


# -- keys ----------------------------------------------------------------------------------------


def _keys(schema: Mapping[str, Any]) -> Iterator[str]:
    """The table of the keys, then one for each section, and for those inside it."""
    sections = schema["$defs"]
    yield "## Keys\n\n" + _properties(schema, schema["required"], sections)
    yield from _inner(schema, sections)


def _inner(body: Mapping[str, Any], sections: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The sections that the keys of a section have."""
    for name, value in body["properties"].items():
        if section := _section(value):
            inner, path = sections[section], f"{above}{name}"
            table = _properties(inner, inner.get("required", ()), sections, f"{path}.")
            yield f"### {path}\n\n{inner['description']}\n\n{table}"
            yield from _inner(inner, sections, f"{path}.")


def _properties(
    body: Mapping[str, Any],
    required: Sequence[str],
    sections: Mapping[str, Any],
    above: str = "",
) -> str:
    rows = []
    for name, value in body["properties"].items():
        anchor = f"{above}{name}".replace(".", "")  # as Markdown makes it of the heading
        words = f"[its keys](#{anchor})" if _section(value) else LINKS.get(name) or _value(value)
        default = "**required**" if name in required else _default(value)
        rows.append((_code(name), words, default, _about(value, sections)))
    return _table("key", "value", "default", "meaning", rows=rows)


def _about(value: Mapping[str, Any], sections: Mapping[str, Any]) -> str:
    if "description" in value:
        return str(value["description"])
    section = _section(value)
    about = str(sections[section]["description"]) if section else ""
    return about[:1].lower() + about[1:].rstrip(".")


def _section(value: Mapping[str, Any]) -> str | None:
    """The name of the definition that a key's value refers to, or None."""
    for one in (value, *value.get("anyOf", ())):
        if "$ref" in one:
            return str(one["$ref"]).rpartition("/")[2]
    return None


def _value(value: Mapping[str, Any]) -> str:
    """What a schema allows, in words."""
    if "$comment" in value:
        return str(value["$comment"])
    if "enum" in value:
        return ", ".join(map(_code, value["enum"]))
    if "anyOf" in value:
        forms = [_value(one) for one in value["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(forms))
    match value.get("type"):
        case "array":
            return f"list of {_value(value['items'])}"
        case "object":
            inner = value.get("additionalProperties")
            return f"mapping to {_value(inner)}" if isinstance(inner, Mapping) else "mapping"
        case "integer" | "number" as kind:
            return _number(kind, value)
        case "boolean":
            return "true or false"
        case "string":
            return "text"
    return "any value"


def _number(kind: str, value: Mapping[str, Any]) -> str:
    noun = "whole number" if kind == "integer" else "number"
    if "exclusiveMinimum" in value:
        return f"{noun} > {value['exclusiveMinimum']}"
    return f"{noun} ≥ {value['minimum']}" if "minimum" in value else noun


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default in (None, [], {}) or _section(value):
        return ""
    if isinstance(default, Mapping):  # of a plugin: {tpe: {}}
        default = next(iter(default))
    return _written(default)


# -- registries ----------------------------------------------------------------------------------


def _domains() -> str:
    return _table(
        "domain", "values", rows=((_code(DOMAINS[word][0]), DOMAINS[word][1]) for word in READERS)
    )


def _plugins(registry: Mapping[str, Any], given: int) -> str:
    """Names, what they are, options; the first ``given`` arguments are the core's."""
    rows = []
    for name, factory in registry.items():
        about = _described(inspect.getdoc(factory) or "")
        options = [
            f"{_code(p.name)} {_written(p.default)}: {about.get(p.name, '')}".rstrip(": ")
            for p in list(inspect.signature(factory).parameters.values())[given:]
        ]
        rows.append((_code(name), about[""], "<br>".join(options)))
    return _table("name", "what it does", "options", rows=rows)


def _described(doc: str) -> dict[str, str]:
    """The first paragraph of a docstring under "", and its Args by name."""
    first, _, rest = doc.partition("\n\n")
    found = {"": " ".join(first.split())}
    _, _, arguments = rest.partition("Args:\n")
    for name, words in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", arguments, flags=re.M):
        found[name] = " ".join(words.split()).rstrip(".")
    return found


def _knobs(knobs: Mapping[str, Knob]) -> str:
    rows = (
        (_code(name), _allowed(knob), _written(knob.default), knob.about)
        for name, knob in knobs.items()
    )
    return _table("name", "values", "default", "what it does", rows=rows)


def _allowed(knob: Knob) -> str:
    if isinstance(knob.rule, Maybe):
        return f"{_of_family(knob.rule.family)} or null"
    if isinstance(knob.rule, Family):
        return _of_family(knob.rule)
    names = "|".join(knob.rule.names)
    return re.sub(rf"\b({names})\b", r"`\1`", knob.rule.allowed) if names else knob.rule.allowed


def _of_family(family: Family) -> str:
    """A link to its section; a model's own is told here."""
    if family.word in ("optimizer", "schedule"):
        return f"one of the [{family.word}s](#{family.word}s)"
    options = {name: _options(knobs) for name, knobs in family.members.items()}
    return "<br>".join(_code(n) + (f" with {told}" if told else "") for n, told in options.items())


def _family(members: Mapping[str, Mapping[str, Knob]]) -> str:
    rows = ((_code(name), _options(options)) for name, options in members.items())
    return _table("name", "options", rows=rows)


def _options(options: Mapping[str, Knob]) -> str:
    return "<br>".join(
        f"{_code(name)} {_written(knob.default)}" + (f": {knob.about}" if knob.about else "")
        for name, knob in options.items()
    )


def _losses() -> str:
    rows = ((_code(n), ", ".join(k.tasks), _options(k.options)) for n, k in LOSSES.items())
    return _table("loss", "tasks", "options", rows=rows)


def _metrics() -> str:
    named = {
        ", ".join(_code(f"{part}_{n}") for part in PARTS[::-1] if f"{part}_{n}" in METRICS): metric
        for n, metric in BASE.items()
    }
    named |= {_code(name): metric for name, metric in OF_TRAINING.items()}
    rows = [
        (names, *("✓" if task in metric.tasks else "" for task in TASKS), metric.direction)
        for names, metric in named.items()
    ]
    return _table("metric", *TASKS, "better", rows=rows)


# -- Markdown ------------------------------------------------------------------------------------


def _table(*heads: str, rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("``", "`")


def _code(text: object) -> str:
    return f"`{text}`"


def _written(value: object) -> str:
    """A value as the sweep file would hold it."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        value = int(value)
    return _code(value if isinstance(value, str) else json.dumps(value))
