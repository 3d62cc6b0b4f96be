"""Attention and linear layers in lanes and alone, against torch's own."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.models.common.attention import SHORT, Linear, attend, normed

STEPS = (1, 7, 16, SHORT, SHORT + 1)


def numbers(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def by_torch(qkv, heads, known):
    q, k, v = qkv.view(*qkv.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
    mask = None if known is None else known[:, None, None, :]
    found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return found.transpose(1, 2).flatten(2)


def padding(rows, steps):
    """Of texts of other lengths, at least one token each."""
    return torch.arange(steps) < 1 + torch.arange(rows)[:, None] % steps


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("width", [8, 64])
@pytest.mark.parametrize("is_padded", [False, True])
def test_attention_is_torchs(steps, width, is_padded):
    qkv = numbers(5, steps, 3 * width)
    known = padding(5, steps) if is_padded else None
    ours, theirs = qkv.clone().requires_grad_(), qkv.clone().requires_grad_()
    found, wanted = attend(ours, 2, known), by_torch(theirs, 2, known)
    torch.testing.assert_close(found, wanted)
    weights = numbers(*found.shape, seed=1)
    for output in (found, wanted):
        (output * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(attend(qkv, 2, known), wanted.detach())  # as evaluated


def test_large_values_do_not_overflow():
    qkv = (1e4 * numbers(2, 5, 12)).requires_grad_()
    found = attend(qkv, 2, None)
    torch.testing.assert_close(found, by_torch(qkv, 2, None))
    found.sum().backward()
    assert qkv.grad.isfinite().all()


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("is_padded", [False, True])
def test_lanes_attend_as_one_after_the_other(steps, is_padded):
    qkv = numbers(3, 5, steps, 24)
    known = torch.stack([padding(5, steps).roll(k, 0) for k in range(3)]) if is_padded else None
    ours, theirs = qkv.clone().requires_grad_(), qkv.clone().requires_grad_()
    given = (ours,) if known is None else (ours, known)
    together = torch.vmap(lambda x, known=None: attend(x, 2, known))(*given)
    alone = torch.stack(
        [attend(x, 2, None if known is None else known[k]) for k, x in enumerate(theirs)]
    )
    torch.testing.assert_close(together, alone)
    for output in (together, alone):
        output.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    with torch.no_grad():
        evaluated = torch.vmap(lambda x, known=None: attend(x, 2, known))(*given)
    torch.testing.assert_close(evaluated, alone.detach())


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("is_shared", [True, False])
def test_linear_layers_in_lanes(has_bias, is_shared):
    layers = [Linear(4, 6, bias=has_bias).double() for _ in range(3)]
    x = numbers(2, 5, 4) if is_shared else numbers(3, 2, 5, 4)
    lanes = copy.deepcopy(layers)
    both = {n: torch.stack([dict(m.named_parameters())[n] for m in lanes]) for n in names(layers)}
    together = torch.vmap(
        lambda parameters, x: torch.func.functional_call(lanes[0], parameters, (x,)),
        in_dims=(0, None if is_shared else 0),
    )(both, x)
    alone = torch.stack([m(x if is_shared else x[k]) for k, m in enumerate(layers)])
    torch.testing.assert_close(together, alone)
    for output in (together, alone):
        output.square().sum().backward()
    for ours, theirs in zip(lanes, layers, strict=True):
        torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_a_norm_in_front_of_a_linear_layer_in_lanes():
    parts = [nn.ModuleDict({"norm": nn.LayerNorm(4), "linear": Linear(4, 6)}) for _ in range(3)]
    for k, part in enumerate(parts):
        part.double()
        with torch.no_grad():
            part["norm"].weight.copy_(numbers(4, seed=k))
            part["norm"].bias.copy_(numbers(4, seed=10 + k))
    skeleton, x = Both(copy.deepcopy(parts[0])), numbers(3, 2, 5, 4)
    both = {
        f"parts.{n}": torch.stack([dict(m.named_parameters())[n] for m in parts])
        for n in names(parts)
    }
    together = torch.vmap(lambda p, x: torch.func.functional_call(skeleton, p, (x,)))(both, x)
    alone = torch.stack([Both(part)(x[k]) for k, part in enumerate(parts)])
    plain = torch.stack([part["linear"](part["norm"](x[k])) for k, part in enumerate(parts)])
    torch.testing.assert_close(alone, plain, rtol=0, atol=0)
    torch.testing.assert_close(together, alone)


class Both(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def forward(self, x):
        return normed(x, self.parts["norm"], self.parts["linear"])


def names(modules):
    return [name for name, _ in modules[0].named_parameters()]
