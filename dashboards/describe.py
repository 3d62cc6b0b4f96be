"""Descriptions for people, in Markdown: they stand on MLflow's run pages, and a test reads them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lanewise.dashboards.digits import metric, rows_of
from lanewise.dashboards.runs import cut
from lanewise.dashboards.words import segments, settings
from lanewise.dashboards.worth import interval, ties
from lanewise.search.core.history import Trial

if TYPE_CHECKING:
    from lanewise.dashboards.projection import Projection

LONGEST = 7900  # MLflow cuts a description at 8,000 characters


def describe(projection: Projection) -> str:
    """What came out so far, what is tuned and how, and how to go on; the result comes first,
    since the page folds all but the beginning away.
    """
    parts = [_result(projection), _task(projection), _going_on(projection), _space(projection)]
    return _within("\n\n".join(part for part in parts if part))


def describe_trial(projection: Projection, trial: Trial) -> str:
    """What came out of a trial, with which configuration; why it failed, first, if it did."""
    parts = [_failure(trial)] if trial.failures else []
    if trial.best is not None:
        name, (epoch, value) = projection.spec.objective.metric, trial.best
        shown = metric(name, value, rows_of(projection.launch))
        parts.append(f"**{name} {shown}** at epoch {epoch}, its best")
    parts += segments(trial)
    table = _table(("configuration", "value"), settings(trial.best_params))
    return _within("\n\n".join([*parts, table]))


def _failure(trial: Trial) -> str:
    """The newest attempt; the artifact failure.txt has everything."""
    failure = trial.failures[-1]
    attempts = f" (attempt {len(trial.failures)})" if len(trial.failures) > 1 else ""
    # The end of a traceback says most.
    text = failure.message.rstrip()[-(LONGEST - 2500) :].replace("```", "'''")
    return (
        f"**Failed: {failure.kind}**{attempts}. Every attempt's whole text is in the artifact "
        f"`failure.txt`.\n\n```\n{text}\n```"
    )


def _task(projection: Projection) -> str:
    spec, details = projection.spec, projection.launch.details
    verb = "maximize" if spec.objective.mode == "max" else "minimize"
    model = f" of **{details['model']}**" if details.get("model") else ""
    lines = [
        f"Lanewise tunes {len(spec.space.names)} hyperparameters{model} to {verb} "
        f"**{spec.objective.metric}**.",
        "",
        f"- data: {_data(details.get('data') or {})}",
        f"- search: {_plugin(spec.sampler)} proposes, {_plugin(spec.scheduler)} stops; "
        f"seed {spec.seed}",
        f"- budget: {_budget(vars(spec.budget))}",
    ]
    if (opened := projection.history.opened) is not None:
        lines.append(f"- executor: {opened.executor}" + (f", {opened.why}" if opened.why else ""))
    lines += [f"- {topic}: {_line(text)}" for topic, text in projection.history.notes.items()]
    return "\n".join(line for line in lines if not line.endswith("data: "))


def _line(text: str) -> str:
    return cut(" ".join(text.split()), 500)


def _data(data: Mapping[str, Any]) -> str:
    parts = [str(data["source"])] if data.get("source") else []
    parts += [f"{part} {data[part]['source']}" for part in ("validation", "test") if part in data]
    if data.get("rows") and data.get("columns"):
        parts.append(f"{data['rows']} rows × {data['columns']} columns")
    if data.get("target") not in (None, "", "target"):
        parts.append(f"target {data['target']}")
    if data.get("anomaly"):
        parts.append(f"anomalies {', '.join(map(str, data['anomaly']))}")
    if isinstance(data.get("split"), list | tuple):
        parts.append("split " + " / ".join(f"{part:g}" for part in data["split"]))
    if data.get("group"):
        parts.append(f"whole groups of {data['group']}")
    if data.get("hash"):
        parts.append(f"hash {str(data['hash'])[:12]}")
    return ", ".join(parts)


def _plugin(plugin: Any) -> str:
    options = ", ".join(f"{key} {value}" for key, value in plugin.options.items())
    return f"{plugin.name} ({options})" if options else str(plugin.name)


def _budget(budget: Mapping[str, Any]) -> str:
    parts = [f"{budget['trials']} trials"] if budget.get("trials") else []
    parts.append(f"up to {budget['epochs']} epochs each")
    if budget.get("total_epochs"):
        parts.append(f"{budget['total_epochs']} epochs in all")
    if budget.get("time"):
        parts.append(f"{budget['time']:g} s")
    if budget.get("target") is not None:
        parts.append(f"until the objective reaches {budget['target']:g}")
    if budget.get("stall"):
        parts.append(f"until {budget['stall']} trials bring nothing better")
    if budget.get("noise"):
        parts.append("until further trials would improve less than the noise")
    return ", ".join(parts)


def _result(projection: Projection) -> str:
    history, best = projection.history, projection.best()
    ending = f" ({history.closed.reason})" if history.closed else ""
    status = f"{projection.status.capitalize()}{ending} · {projection.counts()}"
    if best is None:
        return f"{status}\n\nNo usable value yet."
    name = projection.spec.objective.metric
    value = metric(name, best["metrics"][name], rows_of(projection.launch))
    word = "Best" if history.closed else "Best so far"
    place = f"trial {best['trial']}, epoch {best['epoch']}"
    worth = ""
    if best["corrected"] is not None:
        told = interval(name, best["corrected"], rows_of(projection.launch))
        also = ties(best["tied"])
        worth = f"Corrected for having been selected: **{told}**. {also}".rstrip() + "\n\n"
    return f"**{word}: {name} {value}** ({place})\n\n{worth}{status}\n\n" + _table(
        ("best configuration", "value"), settings(best["params"])
    )


def _going_on(projection: Projection) -> str:
    sweep, metric = projection.launch.sweep, projection.spec.objective.metric
    verb = "show" if projection.history.closed else "resume"
    command = shlex.join(["lanewise", verb, sweep, "--home", projection.home])
    return (
        f"All trials: search the list of runs for ``tags.`lanewise.sweep` = '{sweep}'`` and sort "
        f"by `best_{metric}`. On the command line:\n\n```\n{command}\n```"
    )


def _space(projection: Projection) -> str:
    return _table(("space", "values"), space_rows(projection.spec.space.to_json()))


def space_rows(form: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(name, values in words) for every domain of a space's JSON form, sub-spaces included."""
    for name, domain in form.items():
        yield f"{prefix}{name}", domain_words(domain)
        options = domain.get("choice", []) if isinstance(domain, Mapping) else []
        for option in options:
            if isinstance(option, Mapping):
                for label, inner in option.items():
                    yield from space_rows(inner or {}, f"{prefix}{name} = {label} → ")


def domain_words(domain: Any) -> str:
    """A domain's JSON form in a few words: ``0.0001 … 0.1 (log)``."""
    if not isinstance(domain, Mapping):
        return f"always {_word(domain)}"
    if "constant" in domain:
        return f"always {_word(domain['constant'])}"
    if "choice" in domain:
        return ", ".join(_option(option) for option in domain["choice"])
    if "repeat" in domain:
        body = domain["repeat"]
        times = body["times"]
        count = f"{times[0]} to {times[1]}" if isinstance(times, list | tuple) else str(times)
        return f"list of {count}, each {domain_words(body['of'])}"
    kind = "float" if "float" in domain else "int"
    low, high = domain[kind]
    notes = ["integer"] * (kind == "int") + ["log"] * bool(domain.get("log"))
    notes += [f"{key} {domain[key]}" for key in ("step", "grid") if domain.get(key)]
    return f"{_bound(low)} … {_bound(high)}" + (f" ({', '.join(notes)})" if notes else "")


def _bound(value: float) -> str:
    """As short as it can be without another value."""
    short = f"{value:g}"
    return short if float(short) == value and "e+" not in short else json.dumps(value)


def _option(option: Any) -> str:
    return next(iter(option)) if isinstance(option, Mapping) else _word(option)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _table(head: tuple[str, str], rows: Any) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join(lines + [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows])


def _cell(value: Any) -> str:
    text = str(value).replace("\n", " ").replace("|", "\\|")
    return text if len(text) <= 200 else text[:199] + "…"


def _within(text: str) -> str:
    """Cuts at a line's end, so that a table stays one."""
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition("\n")[0] + "\n\n…"
