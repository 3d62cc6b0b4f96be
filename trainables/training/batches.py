"""How the rows of an epoch are parted into mini-batches."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lanewise.trainables.errors import ConfigError


def batch_sizes(module: nn.Module, rows: int, size: int) -> list[int]:
    """Rows per mini-batch: `size`, and what is left over in the last.

    Batch normalisation cannot train on one row. Where `module` trains with it, a single row that
    is left over joins the batch before it.

    Raises:
        ConfigError: batch normalisation, and no batch can have more than one row.
    """
    full, left = divmod(rows, size)
    sizes = [size] * full + ([left] if left else [])
    if 1 not in sizes or not _trains_with_batch_norm(module):
        return sizes
    if rows == 1:
        raise ConfigError("data", "one row to train on is too few for batch normalisation")
    if size == 1:
        raise ConfigError("batch_size", "1 is too few: batch normalisation needs 2 rows or more")
    return [*sizes[:-2], size + 1]


def _trains_with_batch_norm(module: nn.Module) -> bool:
    module.train()  # an owner may have overridden it to freeze a part
    return any(isinstance(part, _BatchNorm) and part.training for part in module.modules())
