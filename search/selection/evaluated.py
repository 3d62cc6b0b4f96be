"""What travels from an evaluation to the estimate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evaluated:
    """What a trial's evaluation after an epoch told of each row that is resampled.

    Attributes:
        size: trainable parameters of the model.
        body: the values of the rows; ``Sample.decode`` reads them.
    """

    number: int
    epoch: int
    size: int
    body: bytes
