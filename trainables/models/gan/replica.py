"""A generative adversarial network in training: two networks in turn, each with an optimizer.

An epoch is a pass of the critic over the training rows. After every `critic_steps` batches, and
after the last one, the generator takes a step against the critic as it is then.

What they play for, with D the critic's output, x real and g generated rows (means over a batch):

| game | the critic descends | the generator descends |
|---|---|---|
| standard | −(1 − s)·log σ(D(x)) − s·log σ(−D(x)) − log σ(−D(g)) | −log σ(D(g)) |
| hinge | max(0, 1 − D(x)) + max(0, 1 + D(g)) | −D(g) |
| wasserstein | D(g) − D(x) + penalty·(‖∇D(x̂)‖ − 1)² | −D(g) |

standard: Goodfellow et al., "Generative Adversarial Nets", 2014, with the generator's loss that
does not saturate, and one-sided label smoothing s (Salimans et al., "Improved Techniques for
Training GANs", 2016). hinge: Lim and Ye, "Geometric GAN", 2017. wasserstein: Gulrajani et al.,
"Improved Training of Wasserstein GANs", 2017; x̂ lies anywhere between a real and a generated row.
standard and hinge may have r1/2·‖∇D(x)‖²: Mescheder et al., "Which Training Methods for GANs do
actually Converge?", 2018.

B batch, D values of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from lanewise.trainables.checkpoints.weights import Weights
from lanewise.trainables.data.table import Array
from lanewise.trainables.metrics.losses import make_loss
from lanewise.trainables.metrics.names import complete_loss, reported
from lanewise.trainables.models.gan.module import Gan
from lanewise.trainables.optim import build as optimizers
from lanewise.trainables.optim import state as optimizer_state
from lanewise.trainables.training import latent
from lanewise.trainables.training.batches import batch_sizes
from lanewise.trainables.training.descent import precise
from lanewise.trainables.training.epochs import epoch_rows
from lanewise.trainables.training.replica import measure
from lanewise.trainables.training.schedules import Rate, Span
from lanewise.trainables.training.streams import stream
from lanewise.trainables.training.unit import Unit

_SMALL = 1e-12  # under a root, whose slope at 0 is infinite


def _standard(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    told = (1 - smoothing) * softplus(-real_B) + smoothing * softplus(real_B)
    return told.mean() + softplus(fake_B).mean()


def _hinge(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    return relu(1 - real_B).mean() + relu(1 + fake_B).mean()


def _wasserstein(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    return fake_B.mean() - real_B.mean()


# What the critic descends of its outputs, and what the generator does.
GAMES: dict[str, tuple[Callable[[Tensor, Tensor, float], Tensor], Callable[[Tensor], Tensor]]] = {
    "standard": (_standard, lambda fake_B: softplus(-fake_B).mean()),
    "hinge": (_hinge, lambda fake_B: -fake_B.mean()),
    "wasserstein": (_wasserstein, lambda fake_B: -fake_B.mean()),
}


def squared_slope(critic: nn.Module, x_BD: Tensor) -> Tensor:
    """‖∇D‖² at each row, [B]; it can be descended."""
    x_BD = x_BD.detach().requires_grad_()
    (slope_BD,) = torch.autograd.grad(critic(x_BD).sum(), x_BD, create_graph=True)
    return slope_BD.square().sum(1)


class Player:
    """One of the two networks with its optimizer.

    Args:
        config: complete, its `lr` and `optimizer` being this player's.
    """

    def __init__(
        self, config: Mapping[str, Any], network: nn.Module, *, wants_norm: bool = False
    ) -> None:
        self.lr, self.options = config["lr"], config["optimizer"]
        self.params: Sequence[Tensor] = list(network.parameters())
        self.optimizer = optimizers.build(config, self.params)
        self._adjust = optimizers.gradient_adjustment(config, self.params, wants_norm=wants_norm)

    def step(self, loss: Tensor, factor: float) -> Tensor | None:
        """Descend the loss, which is not asked for the other player's slope.

        Args:
            factor: of the learning rate.

        Returns:
            The gradient's norm, where it is known.
        """
        for param in self.params:
            param.grad = None
        loss.backward(inputs=list(self.params))  # type: ignore[no-untyped-call]
        self.optimizer.param_groups[0]["lr"] = self.lr * factor
        norm = self._adjust() if self._adjust else None
        self.optimizer.step()
        return norm


class GanReplica:
    """As `replica.Replica`, for a module that is a `module.Gan`."""

    def __init__(self, unit: Unit) -> None:
        recipe, info, data, config = unit.recipe, unit.info, unit.data, unit.config
        self.seed, self.number, self.device = unit.seed, unit.number, unit.device
        self.config, self.info, self.data = config, info, data
        self.row_values: Array | None = None  # its metrics are of all rows together
        module, self.draws = unit.module()
        assert isinstance(module, Gan)
        self.module: Gan = module
        self.weights = Weights(module)
        wants_norm = "grad_norm" in reported(recipe.metrics, recipe.monitor, info.task)
        self.generator = Player(config, module.generator, wants_norm=wants_norm)
        self.critic = Player(_of_critic(config), module.critic)
        self.batch_sizes = batch_sizes(module, len(data.y_train), config["batch_size"])
        self.rate = Rate(config, Span(len(self.batch_sizes), recipe.epochs))
        self.critic_loss, self.generator_loss = GAMES[config["game"]["name"]]
        self.loss_of = make_loss(complete_loss(recipe.loss, info.task), info.task)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training rows.

        Returns:
            train_loss, the mean over the generator's steps of what it descends, which says little
            of how good its rows are; and grad_norm, its gradient's, where it is known.
        """
        self.module.train()
        self.draws.generator = stream(self.seed, self.number, "dropout", epoch)
        noise = stream(self.seed, self.number, "noise", epoch)
        rows = torch.from_numpy(
            epoch_rows(self.config, self.data, self.seed, self.number, epoch)
        ).to(self.data.y_train.device)
        every, last = self.config["critic_steps"], len(self.batch_sizes)
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        for done, batch in enumerate(torch.split(rows, self.batch_sizes), 1):
            step = (epoch - 1) * last + done - 1
            factor = 1.0 if self.rate.is_constant else self.rate.at(step) / self.rate.lr
            real_BD = self.data.y_train[batch]
            self.critic.step(self._critic_loss(real_BD, noise), factor)
            if done % every == 0 or done == last:
                loss = self._generator_loss(len(batch), noise)
                norm = self.generator.step(loss, factor)
                self._follow((epoch - 1) * -(-last // every) + len(losses))
                losses.append(loss.detach())
                norms += [] if norm is None else [norm]
        found = {"train_loss": float(torch.stack(losses).double().mean())}
        return found | ({"grad_norm": float(torch.stack(norms).double().mean())} if norms else {})

    def _critic_loss(self, real_BD: Tensor, noise: np.random.Generator) -> Tensor:
        config, critic = self.config, self.module.critic
        with torch.no_grad():
            fake_BD = self._made(len(real_BD), noise)
        real_BD, fake_BD = self._blurred(real_BD, noise), self._blurred(fake_BD, noise)
        verdict_B = self._verdict(torch.cat([real_BD, fake_BD]))
        real_B, fake_B = torch.split(verdict_B, len(real_BD))
        loss = self.critic_loss(real_B, fake_B, config["label_smoothing"])
        game = config["game"]
        if game.get("r1"):
            loss = loss + game["r1"] / 2 * squared_slope(critic, real_BD).mean()
        if game.get("penalty"):
            share_B1 = torch.from_numpy(noise.random((len(real_BD), 1))).to(real_BD)
            slope_B = squared_slope(critic, torch.lerp(fake_BD, real_BD, share_B1))
            loss = loss + game["penalty"] * ((slope_B + _SMALL).sqrt() - 1).square().mean()
        return loss

    def _generator_loss(self, rows: int, noise: np.random.Generator) -> Tensor:
        fake_BD = self._blurred(self._made(rows, noise), noise)
        return self.generator_loss(self._verdict(fake_BD))

    def _made(self, rows: int, noise: np.random.Generator) -> Tensor:
        """Generated rows [B, D] of fresh noise."""
        z_BZ = latent.drawn(noise, rows, self.module.latent, like=self.data.y_train)
        with precise(self.config["precision"], self.device):
            made_BD: Tensor = self.module(z_BZ)
        return made_BD.to(z_BZ.dtype)

    def _verdict(self, x_BD: Tensor) -> Tensor:
        """The critic's output, [B]."""
        with precise(self.config["precision"], self.device):
            verdict_B1: Tensor = self.module.critic(x_BD)
        return verdict_B1[:, 0].to(x_BD.dtype)

    def _blurred(self, x_BD: Tensor, noise: np.random.Generator) -> Tensor:
        """With the configuration's `noise`: two overlapping distributions are harder to tell."""
        if not self.config["noise"]:
            return x_BD
        rows, values = x_BD.shape
        blurred: Tensor = x_BD + self.config["noise"] * latent.drawn(noise, rows, values, x_BD)
        return blurred

    @torch.no_grad()
    def _follow(self, steps: int) -> None:
        """The mean of the generator's weights after one more step.

        Args:
            steps: that it took before. Few of them are forgotten sooner: they were the worst.
        """
        now, mean = self.module.generator, self.module.mean
        if mean is None:
            return
        share = min(self.config["average"], (1 + steps) / (10 + steps))
        torch._foreach_lerp_(list(mean.parameters()), list(now.parameters()), 1 - share)
        for buffer, new in zip(mean.buffers(), now.buffers(), strict=True):
            buffer.copy_(new)

    @property
    def size(self) -> int:
        """Trainable parameters of the generator."""
        return sum(param.numel() for param in self.generator.params)

    def evaluate(self, names: Iterable[str]) -> dict[str, float]:
        """Reported metrics of the present weights."""
        return measure(self.module, self.data, names, self.loss_of, self.info)

    def keep_best(self) -> None:
        """Copy the present weights."""
        self.weights.keep_best()

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training needs to go on, by name."""
        found = self.weights.tensors()
        for player, prefix in self._players():
            found |= optimizer_state.tensors_of(player.optimizer, player.params, prefix)
        if self.rate.state():
            found["rate"] = torch.tensor(self.rate.state(), dtype=torch.float64)
        return found

    def restore(self, tensors: Mapping[str, Tensor], *, with_optimizer: bool) -> None:
        """Take over what `tensors()` gave, bit by bit."""
        self.weights.restore(tensors)
        if with_optimizer:
            for player, prefix in self._players():
                optimizer_state.restore(
                    player.optimizer, player.options, player.params, tensors, prefix
                )
        if "rate" in tensors:
            self.rate.restore(tensors["rate"].tolist())

    def _players(self) -> Iterable[tuple[Player, str]]:
        return (self.generator, "optimizer.generator."), (self.critic, "optimizer.critic.")


def _of_critic(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the critic's `lr` and `optimizer`."""
    own = {key: config[f"critic_{key}"] for key in ("lr", "optimizer")}
    return {**config, **{key: value for key, value in own.items() if value is not None}}
