"""What a trial, or a worker with many trials, takes of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lanewise.cluster.errors import ClusterError


@dataclass(frozen=True)
class Resources:
    """Of one place to train in; fractions of a GPU are allowed."""

    cpus: float = 1.0
    gpus: float = 0.0

    def to_ray(self) -> dict[str, float]:
        return {"cpu": self.cpus, "gpu": self.gpus} if self.gpus else {"cpu": self.cpus}

    def slots(self, available: Mapping[str, float]) -> int:
        """How many such places there are; ClusterError where there is none."""
        need = {"CPU": self.cpus, "GPU": self.gpus}
        for kind, amount in need.items():
            if amount > available.get(kind, 0.0):
                raise ClusterError(
                    f"resources.{kind.lower()}s: a trial asks for {amount:g}, "
                    f"Ray has {available.get(kind, 0.0):g}"
                )
        return min(int(available[kind] / amount) for kind, amount in need.items() if amount)
