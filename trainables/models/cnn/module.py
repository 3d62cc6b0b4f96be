"""The convolutional network. B batch, C channels, H height, W width, O outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.initialise import GAINS, initialise
from lanewise.trainables.models.common.layers import Layers, Residual


def cnn(config: Mapping[str, Any], info: Info) -> nn.Module:
    """Blocks of convolutions, one for each of `channels`, then a head of dense layers.

    Inputs [B, C, H, W]; outputs [B, O]. A block is Conv → norm → activation, once or twice, its
    halving of height and width, and spatial dropout; the head pools all pixels or flattens them.
    A block with a skip is that of He et al. 2016, "Deep Residual Learning for Image Recognition".
    Packs: lanes of one stack share all of this but rates of dropout and what training varies.
    """
    blocks = Blocks(config)
    channels, height, width = info.input_shape
    layers: list[nn.Module] = []
    for wider in config["channels"]:
        layers += blocks.block(channels, wider)
        channels = wider
        if config["down"] == "stride":
            height, width = -(-height // 2), -(-width // 2)
        elif config["down"] is not None:
            height, width = height // 2, width // 2
    return nn.Sequential(*layers, *_head(config, info.outputs, channels, height, width))


def _head(
    config: Mapping[str, Any], outputs: int, channels: int, height: int, width: int
) -> Iterator[nn.Module]:
    """Pooling → (dropout → linear → activation) for each width → dropout → linear."""
    make, units = Layers({**config, "norm": None}), channels
    if config["global_pool"] is None:
        units *= height * width
    else:
        yield POOLS[config["global_pool"]]((height, width))
    yield nn.Flatten()
    for wider in config["hidden"]:
        yield from make.dropout()
        yield make.linear(units, wider, activated=True)
        yield make.activation()
        units = wider
    yield from make.dropout()
    yield make.linear(units, outputs, activated=False)


POOLS = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}


class Blocks:
    """Makes the blocks of a configuration."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config, self.make = config, Layers(config)

    def block(self, inputs: int, outputs: int) -> Iterator[nn.Module]:
        """[B, inputs, H, W] → [B, outputs, H / 2, W / 2], or the same size where nothing halves."""
        config = self.config
        stride = 2 if config["down"] == "stride" else 1
        if config["residual"]:
            branch = [*self._convolutions(inputs, outputs, stride)][:-1]
            skip = self._skip(inputs, outputs, stride)
            yield Residual(skip, branch, after=self.make.activation())
        else:
            yield from self._convolutions(inputs, outputs, stride)
        if config["down"] in POOLS:
            yield POOLS[config["down"]](2)
        if config["spatial_dropout"] > 0:
            yield nn.Dropout2d(config["spatial_dropout"])

    def _convolutions(self, inputs: int, outputs: int, stride: int) -> Iterator[nn.Module]:
        """Convolution → norm → activation; the last convolution has the stride."""
        for left in reversed(range(self.config["convolutions"])):
            # The last of a branch has its activation behind the sum.
            is_activated = left > 0 or not self.config["residual"]
            kernel, step = self.config["kernel"], 1 if left else stride
            yield self._convolution(inputs, outputs, kernel, step, activated=is_activated)
            yield from self._norm(outputs)
            yield self.make.activation()
            inputs = outputs

    def _skip(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        if inputs == outputs and stride == 1:
            return nn.Identity()
        convolution = self._convolution(inputs, outputs, 1, stride, activated=False, bias=False)
        return nn.Sequential(convolution, *self._norm(outputs))

    def _convolution(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        *,
        activated: bool,
        bias: bool = True,
    ) -> nn.Conv2d:
        """As `Layers.linear`; a norm has a bias of its own, behind which one more does nothing."""
        layer = nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride,
            padding=kernel // 2,
            bias=bias and self.config["norm"] is None,
        )
        gain = GAINS[self.config["activation"]] if activated else 1.0
        return initialise(layer, self.config["init"], gain)

    def _norm(self, channels: int) -> list[nn.Module]:
        match self.config["norm"]:
            case "batch":
                return [nn.BatchNorm2d(channels)]
            case "group":
                return [nn.GroupNorm(groups(channels), channels)]
        return []


def groups(channels: int) -> int:
    """Of a group norm: the most up to eight that share the channels out, four or more to each.

    Wu & He 2018, "Group Normalization".
    """
    return max(g for g in range(1, 9) if channels % g == 0 and (g == 1 or channels // g >= 4))
