"""One conformance suite over every registered optimizer, against torch.optim itself."""

import pytest
import torch
from torch import nn

from lanewise.reference import markdown
from lanewise.schema import json_schema
from lanewise.trainables.config import check, complete, is_adjustable
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.optim import build as optimizers

TORCH = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "adamw": torch.optim.AdamW,
    "radam": torch.optim.RAdam,  # see `new_optimizer`
}
pytestmark = pytest.mark.usefixtures("radam")

CENTERED = {"alpha": 0.9, "momentum": 0.3, "centered": True}
DECAYING = {"lr_decay": 0.1, "initial_accumulator_value": 0.2}
# (options of ours, the same for torch)
VARIANTS = [
    *((name, {}, {}) for name in TORCH),
    ("sgd", {"momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"momentum": 0.5, "dampening": 0.1}, {"momentum": 0.5, "dampening": 0.1}),
    ("rmsprop", CENTERED, CENTERED),
    ("adagrad", DECAYING, DECAYING),
    ("adadelta", {"rho": 0.5, "eps": 1e-3}, {"rho": 0.5, "eps": 1e-3}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "amsgrad": True}, {"betas": (0.5, 0.9), "amsgrad": True}),
    ("adamax", {"beta1": 0.5, "eps": 1e-4}, {"betas": (0.5, 0.999), "eps": 1e-4}),
    ("nadam", {"momentum_decay": 0.1}, {"momentum_decay": 0.1}),
    ("adamw", {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    ("radam", {"beta2": 0.9}, {"betas": (0.9, 0.9)}),
]


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).double()


def train(model, optimizer, adjust=None, steps=12):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        model(x).square().sum().backward()
        if adjust:
            adjust()
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def ours(name, options, **config):
    full = complete("mlp", {"optimizer": {"name": name, **options}, "lr": 0.01, **config})
    model = module()
    params = list(model.parameters())
    adjust = optimizers.gradient_adjustment(full, params)
    return train(model, optimizers.build(full, params), adjust)


def test_every_registered_optimizer_is_tested():
    assert set(OPTIMIZERS) == set(TORCH)


# AdamW's l2 is not torch's weight_decay: see the next test.
@pytest.mark.parametrize(
    ("name", "options", "same", "l2"),
    [
        (*variant, l2)
        for variant in VARIANTS
        for l2 in (0.0, 0.1)
        if variant[0] != "adamw" or not l2
    ],
)
def test_updates_equal_torch(name, options, same, l2):
    """Fused and foreach kernels against torch's plain ones, with l2 as torch's weight_decay."""
    model = module()
    decay = {"weight_decay": l2} if l2 else {}
    plain = TORCH[name](model.parameters(), lr=0.01, foreach=False, **same, **decay)
    assert torch.allclose(ours(name, options, l2=l2), train(model, plain), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", TORCH)
def test_penalties_and_clipping(name):
    """l1 on weights, then clipping by norm, by value, then l2: written out by hand."""
    l1, l2, clip, most = 0.05, 0.2, 0.7, 0.2
    model = module()
    by_hand = name == "adamw"
    decay = {} if by_hand else {"weight_decay": l2}
    plain = TORCH[name](model.parameters(), lr=0.01, foreach=False, **decay)

    def adjust():
        for p in model.parameters():
            if p.ndim >= 2:
                p.grad += l1 * p.detach().sign()
        total = torch.cat([p.grad.reshape(-1) for p in model.parameters()]).norm()
        for p in model.parameters():
            p.grad *= min(1.0, clip / (float(total) + 1e-6))
            p.grad.clamp_(-most, most)
            if by_hand:
                p.grad += l2 * p.detach()

    expected = train(model, plain, adjust)
    found = ours(name, {}, l1=l1, l2=l2, clip_norm=clip, clip_value=most)
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-10)


def test_a_row_is_all_that_registers_one():
    """Checked, completed, adjustable, in the schema and in the reference."""
    check("mlp", {"optimizer": {"name": "radam", "beta1": 0.5}})
    with pytest.raises(ConfigError, match=r"^optimizer.betas: radam has no option 'betas' \(beta1"):
        check("mlp", {"optimizer": {"name": "radam", "betas": 0.5}})
    assert complete("mlp", {"optimizer": "radam"})["optimizer"] == {
        "name": "radam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
    }  # fmt: skip
    assert is_adjustable("gan", "critic_optimizer.radam.beta1")
    assert "\n| `radam` | `beta1` `0.9`<br>" in markdown()
    assert "radam" in json_schema()["properties"]["space"]["properties"]["optimizer"]["description"]


def test_nothing_to_adjust_costs_nothing():
    assert optimizers.gradient_adjustment(complete("mlp", {}), []) is None
