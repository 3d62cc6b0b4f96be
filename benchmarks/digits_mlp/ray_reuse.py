"""Ray Tune at its fastest by its documentation: a class Trainable whose actors are reused.

Source: docs.ray.io, "Training in Tune", class API and "Advanced: Reusing Actors"; checkpoints as
often as in Ray's own example (ray/tune/examples/mnist_pytorch_trainable.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from ray import tune

from digits_mlp.arguments import parse
from digits_mlp.ray_common import fit
from digits_mlp.training import Training, tensors
from digits_mlp.workload import Parts, parts


class Digits(tune.Trainable):  # type: ignore[misc]  # Ray is untyped
    def setup(self, config: dict[str, Any], data: Parts) -> None:
        self.data = tensors(data)
        self.training = Training(config, self.data)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.training = Training(new_config, self.data)
        return True

    def step(self) -> dict[str, float]:
        return self.training.epoch()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        torch.save(self.training.state(), Path(checkpoint_dir) / "checkpoint.pt")

    def load_checkpoint(self, checkpoint: str) -> None:
        self.training.load(torch.load(Path(checkpoint) / "checkpoint.pt"))


if __name__ == "__main__":
    fit(
        tune.with_parameters(Digits, data=parts()),
        parse(),
        reuse_actors=True,
        checkpoints=tune.CheckpointConfig(checkpoint_frequency=3, checkpoint_at_end=True),
    )
