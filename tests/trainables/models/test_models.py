"""The feed-forward network under every combination of its knobs. B batch, F features, C outputs."""

import itertools
import math

import pytest
import torch
from torch import nn

from lanewise.trainables import knobs
from lanewise.trainables.config import check, check_together, complete
from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.initialise import GAINS, INITS
from lanewise.trainables.models.common.layers import ACTIVATIONS, NORMS, Residual
from lanewise.trainables.models.mlp.module import mlp

pytestmark = pytest.mark.usefixtures("one_thread")

B, F, C = 32, 5, 3
ARCHITECTURES = [
    {"norm": norm, "residual": residual, "pre_norm": pre_norm}
    for norm, residual, pre_norm in itertools.product((None, *NORMS), (False, True), (False, True))
    if norm or not pre_norm
]


def build(seed=0, **config) -> nn.Module:
    check("mlp", config)
    check_together("mlp", config)
    torch.manual_seed(seed)
    return mlp(complete("mlp", config), Info("multiclass", (F,), C)).double()


def inputs(rows=B):
    return torch.randn(rows, F, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def same(one: nn.Module, other: nn.Module) -> bool:
    """Same names, same values, same outputs."""
    a, b, x = one.state_dict(), other.double().state_dict(), inputs()
    equal = list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)
    return equal and torch.equal(one.eval()(x), other.eval()(x))


def test_every_name_that_is_allowed_is_there():
    assert tuple(ACTIVATIONS) == knobs.ACTIVATIONS == tuple(GAINS)
    assert tuple(INITS) == knobs.INITS
    assert tuple(NORMS) == knobs.NORMS


FORMULAS = {
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", knobs.ACTIVATIONS)
def test_activations_are_what_they_are_called(name):
    _, activation, _ = build(hidden=[4], activation=name)
    x = torch.linspace(-4, 4, 41, dtype=torch.float64)
    expected = torch.tensor([FORMULAS[name](v) for v in x.tolist()], dtype=torch.float64)
    assert torch.allclose(activation(x), expected, rtol=1e-12, atol=1e-12)


# --- what a person would write ---


def test_the_plain_network_is_a_sequence_of_torchs_layers():
    found = build(hidden=[7, 6], dropout=0.2, activation="tanh", seed=4)
    torch.manual_seed(4)
    expected = nn.Sequential(
        nn.Linear(F, 7), nn.Tanh(), nn.Dropout(0.2),
        nn.Linear(7, 6), nn.Tanh(), nn.Dropout(0.2),
        nn.Linear(6, C),
    )  # fmt: skip
    assert same(found, expected)
    assert same(build(hidden=[], residual=True, seed=4), seeded_linear(4))


def seeded_linear(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(F, C))


def test_norms_come_behind_the_linear_layer():
    found = build(hidden=[7], norm="layer", dropout=0.2)
    torch.manual_seed(0)
    layers = [nn.Linear(F, 7), nn.LayerNorm(7), nn.ReLU(), nn.Dropout(0.2), nn.Linear(7, C)]
    assert same(found, nn.Sequential(*layers))
    found = build(hidden=[7], norm="batch")
    torch.manual_seed(0)
    layers = [nn.Linear(F, 7, bias=False), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, C)]
    assert same(found, nn.Sequential(*layers))


def test_pre_norms_come_before_it():
    found = build(hidden=[7, 6], norm="batch", pre_norm=True, dropout=0.2)
    torch.manual_seed(0)
    expected = nn.Sequential(
        nn.Linear(F, 7), nn.ReLU(), nn.BatchNorm1d(7), nn.Dropout(0.2),
        nn.Linear(7, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Dropout(0.2),
        nn.Linear(6, C),
    )  # fmt: skip
    assert same(found, expected)


def test_pre_norm_residual_is_the_papers_network():
    """Gorishniy et al. 2021: ResNet, ResNetBlock and Prediction; in training, where norms count."""
    net = build(hidden=[6, 6, 4], norm="batch", residual=True, pre_norm=True)
    first, *blocks, norm, activation, last = net
    x = inputs()
    expected = first(x)
    for block in blocks:
        before, one, _, two = block.branch
        skip = expected if one.in_features == one.out_features else block.skip(expected)
        expected = skip + two(torch.relu(one(before(expected))))
    expected = last(torch.relu(norm(expected)))
    assert torch.equal(net(x), expected)
    assert [type(part) for part in (norm, activation)] == [nn.BatchNorm1d, nn.ReLU]
    assert [type(block.skip) for block in blocks] == [nn.Identity, nn.Identity, nn.Linear]
    dropped = build(hidden=[6], norm="batch", residual=True, pre_norm=True, dropout=0.1)
    kinds = [type(part) for part in dropped[1].branch]
    assert kinds == [nn.BatchNorm1d, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.Dropout]


def test_post_norm_residual_has_the_activation_behind_the_sum():
    """He et al. 2016, figure 2, behind a plain block."""
    net = build(hidden=[6, 4], norm="layer", residual=True)
    x = torch.relu(net[1](net[0](inputs())))
    for block in net[3:5]:
        one, inner, _, two, outer = block.branch
        x = torch.relu(block.skip(x) + outer(two(torch.relu(inner(one(x))))))
    assert torch.equal(net(inputs()), net[5](x))


# --- every combination ---


@pytest.mark.parametrize("activation", knobs.ACTIVATIONS)
@pytest.mark.parametrize("arch", ARCHITECTURES, ids=lambda a: "-".join(map(str, a.values())))
def test_every_parameter_learns(arch, activation):
    """Shapes, finite outputs, and no parameter whose gradient is zero: none is dead or useless."""
    for init, dropout in zip((None, *INITS), itertools.cycle((0.0, 0.3)), strict=False):
        net = build(**arch, activation=activation, init=init, dropout=dropout, hidden=[12, 12, 8])
        output_BC = net(inputs())
        assert output_BC.shape == (B, C)
        assert torch.isfinite(output_BC).all()
        labels_B = torch.arange(B) % C
        nn.functional.cross_entropy(output_BC, labels_B).backward()
        largest = {name: float(p.grad.abs().max()) for name, p in net.named_parameters()}
        # Rounding would be 1e-16 of the largest; a sigmoid's gradient fades to 1e-3 per layer.
        assert min(largest.values()) > 1e-9 * max(largest.values()), (init, dropout, largest)


@pytest.mark.parametrize("arch", ARCHITECTURES, ids=lambda a: "-".join(map(str, a.values())))
def test_widths(arch):
    for hidden in ([], [2], [2, 9], [9, 2, 2]):
        net = build(**arch, hidden=hidden).eval()
        assert net(inputs(1)).shape == (1, C)
        assert sum(isinstance(part, Residual) for part in net) == arch["residual"] * len(hidden)


@pytest.mark.parametrize("arch", [a for a in ARCHITECTURES if a["residual"]])
def test_the_skip_leads_past_a_branch_that_gives_nothing(arch):
    net = build(hidden=[6, 6], **arch).eval()
    blocks = [part for part in net if isinstance(part, Residual)]
    for block in blocks:
        last = [part for part in block.branch if isinstance(part, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
    without = nn.Sequential(*(part for part in net if part not in blocks))
    assert torch.allclose(net(inputs()), without(inputs()))  # ReLU(ReLU(x)) is ReLU(x)


def test_gradients_reach_the_first_layer_of_a_deep_residual_network():
    """Sigmoids, of slope ≤ 1/4, starve the first of many plain layers."""

    def share(**arch):
        net = build(hidden=[16] * 12, activation="sigmoid", **arch)
        net(inputs()).square().sum().backward()
        grads = [float(p.grad.norm()) for p in net.parameters() if p.ndim == 2]
        return grads[0] / max(grads)

    assert share() < 1e-6
    assert share(norm="batch", residual=True, pre_norm=True) > 1e-2
