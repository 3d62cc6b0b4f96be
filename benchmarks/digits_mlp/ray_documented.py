"""Ray Tune as its documentation shows it: a function that reports, with a checkpoint, every epoch.

Source: docs.ray.io, "How to Save and Load Trial Checkpoints", function API; data by
`tune.with_parameters`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from ray import tune

from digits_mlp.arguments import parse
from digits_mlp.ray_common import fit
from digits_mlp.training import Training, tensors
from digits_mlp.workload import EPOCHS, Parts, parts


def train(config: dict[str, Any], data: Parts) -> None:
    training, first = Training(config, tensors(data)), 1
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / "checkpoint.pt")
            first = state["epoch"] + 1
            training.load(state)
    for epoch in range(first, EPOCHS + 1):
        metrics = training.epoch()
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"epoch": epoch, **training.state()}, Path(folder) / "checkpoint.pt")
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


if __name__ == "__main__":
    fit(tune.with_parameters(train, data=parts()), parse())
