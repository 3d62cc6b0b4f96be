"""Rows that are resampled, as the estimate has them."""

from lanewise.search.selection.sample import Sample
from lanewise.trainables.metrics.resampling import Resampled


def sample_of(of: Resampled) -> Sample:
    return Sample(
        of.how.statistic,
        "max",
        of.clusters,
        of.codes,
        of.classes,
        of.columns,
        of.how.dtype,
        of.total,
        of.how.is_root,
        of.how.is_share,
    )
