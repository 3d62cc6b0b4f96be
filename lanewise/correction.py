"""Wires the estimate of what the best score is worth: a sweep's validation rows, its journal."""

from __future__ import annotations

from lanewise.plan import Plan
from lanewise.search.control.controller import CORRECTION
from lanewise.search.core.sweep import Sweep
from lanewise.search.selection.sample import Sample
from lanewise.search.selection.selection import Selection
from lanewise.search.store.journal import Journal
from lanewise.trainables.metrics.resampling import Resampled


def selection_of(plan: Plan, sweep: Sweep, journal: Journal, sweep_id: str) -> Selection | None:
    """What the controller estimates with; None, and a note of the sweep, where nothing can be."""
    if isinstance(plan.resampled, str):
        sweep.note(CORRECTION, f"none for {plan.spec.objective.metric}: {plan.resampled}")
        return None
    return Selection(_sample(plan, plan.resampled), journal, sweep_id)


def _sample(plan: Plan, of: Resampled) -> Sample:
    """The rows as the estimate knows them."""
    return Sample(
        statistic=of.how.statistic,
        mode=plan.spec.objective.mode,
        clusters_N=of.clusters,
        codes_N=of.codes,
        classes=of.classes,
        columns=of.columns,
        dtype=of.how.dtype,
        total=of.total,
        is_root=of.how.is_root,
        is_share=of.how.is_share,
    )
