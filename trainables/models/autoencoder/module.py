"""The autoencoder: plain, sparse and variational, of dense layers or with convolutions.

B batch, D values of an example, Z of its code, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.initialise import GAINS, INITS, initialise
from lanewise.trainables.models.common.layers import Layers
from lanewise.trainables.training.draws import Normal
from lanewise.trainables.training.penalties import Term

STRIDE = 2  # of every convolution


def autoencoder(config: Mapping[str, Any], info: Info) -> nn.Module:
    """An encoder to a code of `code` values, and a decoder that mirrors it.

    Inputs of any shape [B, …]; outputs [B, D], the values of an example side by side, with which
    the loss compares the clean inputs. Hinton & Salakhutdinov, "Reducing the Dimensionality of
    Data with Neural Networks", 2006. Vincent et al., "Extracting and Composing Robust Features
    with Denoising Autoencoders", 2008, is the training's `noise`.

    `channels` puts convolutions before the hidden layers, and transposed ones behind them.
    `sparsity` is an L1 penalty on the code. `kl` makes it variational: Kingma & Welling,
    "Auto-Encoding Variational Bayes", 2013; an evaluation decodes the mean.

    Packs; without convolutions and penalties also with other widths.
    """
    make, hidden, code = Layers(config), list(config["hidden"]), config["code"]
    if config["channels"]:
        images = Images(make, info.input_shape)
        hidden = [images.values, *hidden]
        encode = [*images.encoder(), nn.Flatten(), *_dense(make, hidden)]
        decode = [*_dense(make, [code, *reversed(hidden)]), *images.decoder()]
    else:
        flat = [nn.Flatten()] if len(info.input_shape) > 1 else []
        hidden = [info.outputs, *hidden]
        encode = [*flat, *_dense(make, hidden)]
        last = make.linear((hidden[1:] or [code])[0], info.outputs, activated=False)
        decode = [*_dense(make, [code, *hidden[:0:-1]]), last]
    # Only a linear layer and a norm see a plain code before the decoder's first activation.
    is_normed = len(decode) > 1 and not config["sparsity"]
    return nn.Sequential(*encode, *_code(make, hidden[-1], info.outputs, is_normed), *decode)


def _dense(make: Layers, widths: Sequence[int]) -> Iterator[nn.Module]:
    """Linear → norm → activation → dropout, from each width to the next."""
    for inputs, outputs in pairwise(widths):
        yield make.linear(inputs, outputs, activated=True, normed=True)
        yield from make.norm(outputs)
        yield make.activation()
        yield from make.dropout()


def _code(make: Layers, inputs: int, values: int, is_normed: bool) -> Iterator[nn.Module]:
    """From the last hidden layer to what the decoder gets, [B, Z]."""
    size = make.config["code"]
    if make.config["kl"]:
        yield make.linear(inputs, 2 * size, activated=False)
        yield Term(make.config["kl"] / values, divergence)
        yield Sampled()
    else:
        yield make.linear(inputs, size, activated=False, normed=is_normed)
    if make.config["sparsity"]:
        yield Term(make.config["sparsity"], sparsity)


def sparsity(code_BZ: Tensor) -> Tensor:
    """Σ|c| over a row's code, the mean over rows."""
    return code_BZ.abs().sum(1).mean()


def divergence(code_B2Z: Tensor) -> Tensor:
    """2·KL(N(μ, σ²) ‖ N(0, 1)), summed over the code, of μ, then log σ²; the mean over rows.

    Kingma & Welling 2013, appendix B. The mean squared error of D values is 2 / D times the
    negative log-likelihood of normal ones with variance 1, but for a constant; so with this loss
    and weight 1 / D all is 2 / D times the negative evidence lower bound. Other weights are the β
    of Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational
    Framework", 2017.
    """
    mean_BZ, log_variance_BZ = code_B2Z.chunk(2, 1)
    twice_BZ = mean_BZ.square() + log_variance_BZ.exp() - 1 - log_variance_BZ
    return twice_BZ.sum(1).mean()


class Sampled(nn.Module):
    """μ + σ·ε of [B, 2·Z], μ in an evaluation: the reparameterisation of Kingma & Welling 2013."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = Normal()

    def forward(self, x_B2Z: Tensor) -> Tensor:
        mean_BZ, log_variance_BZ = x_B2Z.chunk(2, 1)
        drawn_BZ: Tensor = self.noise(mean_BZ)
        return mean_BZ + torch.exp(log_variance_BZ / 2) * drawn_BZ


class Images:
    """The convolutions on both sides of the dense layers.

    Args:
        shape: of an example, [C, H, W].

    Attributes:
        values: of an example behind the last convolution.
    """

    def __init__(self, make: Layers, shape: Sequence[int]) -> None:
        self.make, self.kernel = make, make.config["kernel"]
        self.channels = [shape[0], *make.config["channels"]]
        self.sizes = [tuple(shape[1:])]  # height and width, halved once, twice …
        for _ in self.channels[1:]:
            self.sizes.append(tuple(-(-length // STRIDE) for length in self.sizes[-1]))
        self.values = self.channels[-1] * math.prod(self.sizes[-1])

    def encoder(self) -> Iterator[nn.Module]:
        """Convolution → norm → activation → dropout, each to half the height and width."""
        for inputs, outputs in pairwise(self.channels):
            layer = nn.Conv2d(
                inputs, outputs, self.kernel, STRIDE, self.kernel // 2, bias=not self._is_centred
            )
            yield initialise(layer, self.make.config["init"], self._gain)
            yield from self._behind(outputs)

    def decoder(self) -> Iterator[nn.Module]:
        """From the values of the last convolution [B, values] back to those of an image [B, D]."""
        yield nn.Unflatten(1, (self.channels[-1], *self.sizes[-1]))
        for step in range(len(self.sizes) - 2, -1, -1):
            yield self._transposed(step)
            if step > 0:
                yield from self._behind(self.channels[step])
        yield nn.Flatten()

    def _transposed(self, step: int) -> nn.Module:
        """What undoes a convolution's halving, to the very height and width."""
        has_norm, init = step > 0 and self._is_centred, self.make.config["init"]
        height, width = self.sizes[step]
        layer = nn.ConvTranspose2d(
            self.channels[step + 1],
            self.channels[step],
            self.kernel,
            STRIDE,
            self.kernel // 2,
            output_padding=(1 - height % STRIDE, 1 - width % STRIDE),
            bias=not has_norm,
        )
        if init is not None:
            # A pixel gets its value through one in stride² of the kernel's weights.
            gain = STRIDE * (self._gain if step > 0 else 1.0)
            weight_OIKK = layer.weight.detach().transpose(0, 1).contiguous()
            INITS[init](weight_OIKK, gain)
            layer.weight.data = weight_OIKK.transpose(0, 1).contiguous()
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        return layer

    @property
    def _gain(self) -> float:
        return GAINS[self.make.config["activation"]]

    @property
    def _is_centred(self) -> bool:
        """Whether a norm subtracts any bias again; see `Layers.linear`."""
        return bool(self.make.config["norm"] == "batch")

    def _behind(self, channels: int) -> Iterator[nn.Module]:
        match self.make.config["norm"]:
            case "batch":
                yield nn.BatchNorm2d(channels)
            case "layer":
                yield nn.GroupNorm(1, channels)  # over channels, height and width
        yield self.make.activation()
        if self.make.config["dropout"] > 0:
            yield nn.Dropout2d(self.make.config["dropout"])
