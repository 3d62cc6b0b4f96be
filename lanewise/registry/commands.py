"""The commands of the registry: promote a sweep's model, list versions, move an alias back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lanewise.errors import DONE
from lanewise.looking import opened, plain_console
from lanewise.options import (
    HomeOption,
    JsonOption,
    QuietOption,
    RegistryOption,
    SweepArgument,
    TrialOption,
)
from lanewise.registry.errors import RegistryError
from lanewise.registry.limits import Limits
from lanewise.registry.names import CHAMPION, check_alias, check_name, check_version
from lanewise.registry.opening import open_registry
from lanewise.search.plain import say
from lanewise.search.store.home import Home
from lanewise.usage import typed

if TYPE_CHECKING:
    from lanewise.registry.promotion import Promotion

AliasOption = Annotated[
    str, typer.Option("--alias", help="of the version [default: champion]", show_default=False)
]


def promote(
    name: Annotated[str, typer.Option("--name", help="of the registered model")],
    sweep: SweepArgument = None,
    alias: AliasOption = CHAMPION,
    trial: TrialOption = None,
    refit: Annotated[
        Literal["all"] | None,
        typer.Option("--refit", help="train anew on the training and the validation part"),
    ] = None,
    variants: Annotated[
        str | None, typer.Option("--variants", help="some only, such as float32,int8-dynamic")
    ] = None,
    target: Annotated[
        Literal["cpu"], typer.Option("--target", help="where it runs and is measured")
    ] = "cpu",
    max_latency: Annotated[
        str | None, typer.Option("--max-latency", help="of one row, 99th percentile: 2ms")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", help="of the network's file: 500kB")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="measure, and train or register nothing")
    ] = False,
    home: HomeOption = None,
    tracking_uri: RegistryOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Register a sweep's best model in its best variant.

    Each variant is measured as it will run; the best within the limits becomes a new version.
    """
    from lanewise.display import waiting
    from lanewise.registry.variants import check_variants

    check_name(name), check_alias(alias)
    limits = Limits.of(max_latency, max_size)
    chosen = None if variants is None else check_variants(variants)
    place, view = opened(sweep, home)
    from lanewise.registry.promote import promote as promoted
    from lanewise.registry.promotion import Request

    request = Request(name, alias, trial, limits, chosen, refit == "all", dry_run, tracking_uri)
    with waiting("measuring variants", shown=not quiet and not as_json):
        done = promoted(view, place, request, lambda text: say(f"lanewise: {text}"))
    if as_json:
        print(json.dumps(told(done)))
        return DONE
    from lanewise.registry.rendering import render_promotion

    render_promotion(plain_console(), done, partial(typed, place))
    return DONE


def list_models(
    name: Annotated[str | None, typer.Argument(help="one model [default: all]")] = None,
    home: HomeOption = None,
    tracking_uri: RegistryOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the registered models, their versions and aliases."""
    if name is not None:
        check_name(name, "name")
    registry = open_registry(Home.find(home), tracking_uri)
    found = registry.versions(name)
    from lanewise.registry.rendering import render_versions, to_json

    if as_json:
        print(json.dumps([to_json(version) for version in found]))
    if not found:
        where = f"there is no model in {registry.shown}"
        raise RegistryError(f"{where} yet: lanewise promote SWEEP --name NAME")
    if not as_json:
        render_versions(plain_console(), found)
    return DONE


def rollback(
    name: Annotated[str, typer.Argument(help="of the registered model")],
    alias: AliasOption = CHAMPION,
    to: Annotated[
        str | None, typer.Option("--to", help="a version [default: the one before]")
    ] = None,
    home: HomeOption = None,
    tracking_uri: RegistryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Move an alias back to the version that it pointed to before."""
    check_name(name, "name"), check_alias(alias)
    number = None if to is None else check_version(to)
    moved = open_registry(Home.find(home), tracking_uri).rollback(name, alias, number)
    if as_json:
        print(json.dumps(vars(moved)))
    else:
        print(f"{name}@{alias} is version {moved.now} again; it was version {moved.before}")
    return DONE


def told(done: Promotion) -> dict[str, Any]:
    """As ``promote --json`` prints it."""
    view, measured, version = done.view, done.measured, done.version
    each = [
        {key: _finite(value) for key, value in vars(variant).items()}
        for variant in measured.variants
    ]
    test = None
    if done.evaluation is not None:
        test = {name: _finite(value) for name, value in done.evaluation.metrics.items()}
    return {
        "name": done.request.name,
        "alias": done.request.alias,
        "version": version.number if version else None,
        "sweep": view.launch.sweep,
        "trial": done.trial.number,
        "metric": view.spec.objective.metric,
        "variant": measured.chosen,
        "variants": each,
        "unexported": measured.unexported or None,
        "test": test,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# In the order of the help.
COMMANDS: dict[str, Callable[..., int]] = {
    "promote": promote,
    "models": list_models,
    "rollback": rollback,
}
