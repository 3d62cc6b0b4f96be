"""The generative adversarial network. B batch, Z noise, D values of a row, C channels."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.initialise import GAINS, initialise
from lanewise.trainables.models.common.layers import Layers
from lanewise.trainables.training.latent import Generative


class Gan(Generative):
    """What plays: a generator and a critic, and the running mean of the generator's weights.

    In an evaluation the mean generates, where there is one.
    """

    def __init__(self, latent: int, generator: nn.Module, critic: nn.Module, *, mean: bool) -> None:
        super().__init__()
        self.latent, self.generator, self.critic = latent, generator, critic
        self.mean = copy.deepcopy(generator).requires_grad_(False) if mean else None

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Rows [B, D] of standard normal noise [B, Z]."""
        made = self.generator if self.training or self.mean is None else self.mean
        x_BD: Tensor = made(z_BZ)
        return x_BD


def gan(config: Mapping[str, Any], info: Info) -> Gan:
    """Two networks, one that makes rows of noise and one that tells them from real ones.

    Goodfellow et al., "Generative Adversarial Nets", 2014. Inputs are noise [B, latent], outputs
    rows [B, D] of the standardised data, pictures flattened. Dense, or convolutional after Radford
    et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016, but with a resize before each convolution of the generator instead of a
    transposed one (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016). The critic has
    no norm: the slope that a game penalises is one row's. How they are trained stands in
    `replica`. Never packs: the loop of a pack has one optimizer for each lane.
    """
    of_critic = {**config, "activation": config["critic_activation"], "norm": None}
    makers = {"dense": (_dense_generator, _dense_critic), "conv": (_conv_generator, _conv_critic)}
    generator, critic = makers[config["network"]]
    return Gan(
        config["latent"],
        nn.Sequential(*generator(config, info)),
        nn.Sequential(*critic(of_critic, info)),
        mean=config["average"] > 0,
    )


class Chosen(nn.Module):
    """Logits [B, D] with the columns of `one_hot` made 0 and 1, and the slope of probabilities.

    Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013, the
    straight-through estimator: the critic sees what real rows have, so that softness gives nothing
    away.
    """

    def __init__(self, one_hot: Sequence[tuple[int, int]], width: int) -> None:
        super().__init__()
        self.sizes, self.chosen = [], set[int]()
        end = 0
        for first, count in (*one_hot, (width, 0)):
            if first > end:
                self.sizes.append(first - end)
            if count:
                self.chosen.add(len(self.sizes))
                self.sizes.append(count)
            end = first + count

    def forward(self, input: Tensor) -> Tensor:
        parts = torch.split(input, self.sizes, 1)
        return torch.cat([_one(p) if i in self.chosen else p for i, p in enumerate(parts)], 1)


def _one(logits: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        soft, hard = logits.sigmoid(), (logits > 0).to(logits.dtype)
    else:
        soft = logits.softmax(1)
        hard = F.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)
    return hard + (soft - soft.detach())


def _dense_generator(config: Mapping[str, Any], info: Info) -> Iterator[nn.Module]:
    make, inputs = Layers(config), config["latent"]
    for width in config["hidden"]:
        yield make.linear(inputs, width, activated=True, normed=True)
        yield from make.norm(width)
        yield make.activation()
        inputs = width
    yield make.linear(inputs, info.outputs, activated=False)
    if info.one_hot:
        yield Chosen(info.one_hot, info.outputs)


def _dense_critic(config: Mapping[str, Any], info: Info) -> Iterator[nn.Module]:
    make, inputs = Layers(config), info.outputs
    for width in config["critic_hidden"]:
        yield make.linear(inputs, width, activated=True)
        yield make.activation()
        yield from make.dropout()
        inputs = width
    yield _verdict(config, inputs)


def _conv_generator(config: Mapping[str, Any], info: Info) -> Iterator[nn.Module]:
    """From the smallest picture to the whole one; each convolution behind a doubling."""
    make, channels = Layers(config), config["hidden"]
    pixels = list(_halved(info.input_shape[1:], len(channels)))[::-1]
    first = channels[0] * pixels[0][0] * pixels[0][1]
    yield make.linear(config["latent"], first, activated=True)
    yield nn.Unflatten(1, (channels[0], *pixels[0]))
    yield from _after(config, channels[0])
    for before, now, size in zip(channels[:-1], channels[1:], pixels[1:-1], strict=True):
        yield nn.Upsample(size)
        yield _conv(config, before, now, activated=True)
        yield from _after(config, now)
    yield nn.Upsample(pixels[-1])
    yield _conv(config, channels[-1], info.input_shape[0], activated=False)
    yield nn.Flatten()


def _conv_critic(config: Mapping[str, Any], info: Info) -> Iterator[nn.Module]:
    make, before = Layers(config), info.input_shape[0]
    channels = config["critic_hidden"]
    yield nn.Unflatten(1, info.input_shape)
    for now in channels:
        yield _conv(config, before, now, activated=True, stride=2)
        yield make.activation()
        yield from make.dropout()
        before = now
    yield nn.Flatten()
    *_, (height, width) = _halved(info.input_shape[1:], len(channels))
    yield _verdict(config, before * height * width)


def _halved(size: Sequence[int], times: int) -> Iterator[tuple[int, int]]:
    """Height and width, and then what a convolution with stride 2 leaves of them, time after time.

    An odd one is rounded up.
    """
    height, width = size
    yield height, width
    for _ in range(times):
        height, width = (height + 1) // 2, (width + 1) // 2
        yield height, width


def _conv(
    config: Mapping[str, Any], inputs: int, outputs: int, *, activated: bool, stride: int = 1
) -> nn.Conv2d:
    gain = GAINS[config["activation"]] if activated else 1.0
    has_bias = not (activated and config["norm"] == "batch")  # which would subtract it again
    made = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=has_bias)
    return initialise(made, config["init"], gain)


def _after(config: Mapping[str, Any], channels: int) -> Iterator[nn.Module]:
    """Norm and activation; a layer norm of a picture is over all its channels and pixels."""
    if config["norm"] == "batch":
        yield nn.BatchNorm2d(channels)
    elif config["norm"] == "layer":
        yield nn.GroupNorm(1, channels)
    yield Layers(config).activation()


def _verdict(config: Mapping[str, Any], inputs: int) -> nn.Linear:
    """The critic's output. In the game wasserstein a bias would have no slope."""
    made = nn.Linear(inputs, 1, bias=config["game"]["name"] != "wasserstein")
    return initialise(made, config["init"], 1.0)
