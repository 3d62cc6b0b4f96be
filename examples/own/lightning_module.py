"""A Lightning module. `lanewise run examples/own/lightning_module.yaml`

The module is an ordinary one; `lightning_adapter.py`, beside this file, drives it. What is yours to
write is `train`, at the end: make the module from the configuration, and say which rows it sees.
"""

from functools import cache

import torch
from lightning_adapter import fit, seed_all
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

try:
    from lightning import LightningModule
except ImportError:

    class LightningModule(nn.Module):
        """So that the example runs without Lightning: what the adapter needs of the real one."""

        trainer = None  # the adapter sets it, and log and log_dict

        @property
        def device(self):
            return next(self.parameters()).device

        @property
        def current_epoch(self):
            return self.trainer.current_epoch if self.trainer else 0

        @property
        def global_step(self):
            return self.trainer.global_step if self.trainer else 0

        def log(self, name, value, **flags):
            """Nothing, as in Lightning without a trainer."""

        def log_dict(self, values, **flags):
            """Nothing, as in Lightning without a trainer."""


EPOCHS = 27  # as budget.epochs; the scheduler ends most trials earlier, inside report()


class Digits(LightningModule):
    def __init__(self, width=64, dropout=0.0, lr=1e-3, weight_decay=0.0):
        super().__init__()
        self.lr, self.weight_decay = lr, weight_decay
        self.net = nn.Sequential(
            nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10)
        )

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = functional.cross_entropy(self.net(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self.net(x)
        loss = functional.cross_entropy(logits, y)
        accuracy = (logits.argmax(1) == y).float().mean()
        self.log_dict({"val_loss": loss, "val_accuracy": accuracy})

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        # Over all epochs that a trial may get, not those until the scheduler looks at it.
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


@cache  # once in a worker, not once in a trial
def parts():
    """Training and validation part. All trials get the same; keep a test part out of both."""
    x, y = load_digits(return_X_y=True)
    x, x_rest, y, y_rest = train_test_split(x / 16, y, test_size=0.3, stratify=y, random_state=0)
    x_val, _, y_val, _ = train_test_split(x_rest, y_rest, test_size=0.5, random_state=0)
    return [
        TensorDataset(torch.tensor(a, dtype=torch.float32), torch.tensor(b))
        for a, b in ((x, y), (x_val, y_val))
    ]


def train(config, report):
    torch.set_num_threads(1)  # a small network: more threads than free cores would only wait
    config = dict(config)
    batch_size = config.pop("batch_size", 64)
    training, validation = parts()
    seed_all(report.seed, 0)  # before the module draws its weights
    fit(
        Digits(**config),
        DataLoader(training, batch_size, shuffle=True),
        DataLoader(validation, 512),
        report,
        epochs=EPOCHS,
    )
