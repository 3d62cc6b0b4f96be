"""The key ``from``: what earlier sweeps and tables of results tell a new sweep's sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lanewise.errors import SweepFileError
from lanewise.search.core.spec import Spec
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.prior import Prior, prior_from_table, prior_from_view
from lanewise.search.store.view import find, open_view


def informed(spec: Spec, sources: Sequence[str], base: Path, home: Home) -> tuple[Spec, str]:
    """The spec with the results of these sources, and a sentence for people on what they gave.

    Args:
        sources: CSV files, relative to ``base``, and sweeps of the home by name or id.

    Raises:
        SweepFileError: a source that is neither, or holds no results of this objective.
    """
    results, told = list(spec.prior), []
    for index, source in enumerate(sources):
        try:
            known, dropped = _read(source, spec, base, home)
        except SearchError as error:
            raise SweepFileError(f"from.{index}: {error}") from None
        results += known
        left = f" ({dropped} do not fit the space or the objective)" if dropped else ""
        told.append(f"{len(known)} results of {source}{left}")
    return replace(spec, prior=tuple(results)), "; ".join(told)


def _read(source: str, spec: Spec, base: Path, home: Home) -> Prior:
    path = base / source
    if source.lower().endswith(".csv") or path.is_file():
        return prior_from_table(path, spec.space, spec.objectives)
    journal = home.journal()
    try:
        return prior_from_view(
            open_view(journal, find(journal, source)), spec.space, spec.objectives
        )
    finally:
        journal.close()
