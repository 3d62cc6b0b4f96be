"""Initial weights: their distribution, their gains, and that they follow the trial's seed."""

import math

import pytest
import torch
from torch import nn

from lanewise.trainables.config import complete
from lanewise.trainables.data.dataset import Info
from lanewise.trainables.models.common.initialise import GAINS, INITS, initialise
from lanewise.trainables.models.common.layers import ACTIVATIONS
from lanewise.trainables.models.mlp.module import mlp
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

IN, OUT = 300, 200


def weights(init: str, gain: float = 1.0) -> torch.Tensor:
    torch.manual_seed(0)
    return initialise(nn.Linear(IN, OUT), init, gain).weight.detach()


SPREADS = {
    "he_uniform": 1 / math.sqrt(IN),
    "he_normal": 1 / math.sqrt(IN),
    "xavier_uniform": math.sqrt(2 / (IN + OUT)),
    "xavier_normal": math.sqrt(2 / (IN + OUT)),
}


@pytest.mark.parametrize("init", SPREADS)
def test_the_spread_is_the_papers(init):
    gain, n = 1.7, IN * OUT
    found, std = weights(init, gain), gain * SPREADS[init]
    # 6 sigma of a normal's sample mean and standard deviation (a uniform's is nearer):
    # each fails by chance once in 1e9 runs, and the seed is fixed.
    assert abs(float(found.mean())) < 6 * std / math.sqrt(n)
    assert abs(float(found.std()) / std - 1) < 6 / math.sqrt(2 * n)
    largest = float(found.abs().max()) / std
    if init.endswith("uniform"):
        assert math.sqrt(3) * 0.999 < largest <= math.sqrt(3) * 1.000001
    else:
        assert largest > 3.5


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (64, 64)])
def test_orthogonal(shape):
    torch.manual_seed(0)
    w = initialise(nn.Linear(*shape), "orthogonal", 1.7).weight.detach().double()
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert torch.allclose(gram, 1.7**2 * torch.eye(len(gram), dtype=torch.float64), atol=1e-5)


@pytest.mark.parametrize(
    ("init", "torchs"),
    [
        ("he_uniform", lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu")),
        ("he_normal", lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
        ("xavier_uniform", lambda w: nn.init.xavier_uniform_(w, math.sqrt(2))),
        ("xavier_normal", lambda w: nn.init.xavier_normal_(w, math.sqrt(2))),
    ],
)
def test_equals_torchs_own_functions(init, torchs):
    torch.manual_seed(0)
    expected = nn.Linear(IN, OUT).weight
    torchs(expected)
    assert torch.allclose(weights(init, GAINS["relu"]), expected, rtol=1e-6)


@pytest.mark.parametrize("name", GAINS)
def test_gains(name):
    """torch's, where it has one; else (and for SELU) the second moment is kept: g² E[f(z)²] = 1."""
    if name in ("tanh", "sigmoid"):  # torch's own, which are not of this kind
        assert GAINS[name] == nn.init.calculate_gain(name)
        return
    z = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    moment = float(torch.trapezoid(ACTIVATIONS[name]()(z) ** 2 * density, z))
    assert GAINS[name] ** 2 * moment == pytest.approx(1, abs=2e-4)
    if name in ("relu", "leaky_relu"):
        assert GAINS[name] == nn.init.calculate_gain(name)


def test_which_layer_gets_which_gain():
    """The activation's gain where one follows, else 1: the output, the skip, a branch's end."""
    shape = {"hidden": [64, 48], "init": "orthogonal", "activation": "relu"}
    plain = mlp(complete("mlp", shape), Info("regression", (64,), 40))
    root = math.sqrt(2)
    assert [length(plain[place]) for place in (0, 2, 4)] == pytest.approx([root, root, 1], abs=1e-5)
    assert not any(plain[place].bias.any() for place in (0, 2, 4))
    arch = {"residual": True, "pre_norm": True, "norm": "layer"}
    net = mlp(complete("mlp", shape | arch), Info("regression", (64,), 40))
    block = net[2]
    one, two = block.branch[1], block.branch[3]
    found = [length(layer) for layer in (net[0], block.skip, one, two, net[-1])]
    assert found == pytest.approx([1, 1, root, 1, 1], abs=1e-5)


def length(layer: nn.Linear) -> float:
    """Of the rows of orthogonal weights, which have no more rows than columns."""
    return float(layer.weight.detach().norm(dim=1).max())


@pytest.mark.parametrize("init", INITS)
def test_draws_follow_the_trials_seed(recipe, init):
    config = {"init": init, "hidden": [8]}

    def first(seed):
        return open_trial(recipe(seeds=2), config, seed).replicas

    torch.manual_seed(9)
    one = [replica.module[0].weight for replica in first(3)]
    torch.manual_seed(10)
    assert all(torch.equal(a, r.module[0].weight) for a, r in zip(one, first(3), strict=True))
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one[0], first(4)[0].module[0].weight)


def test_orthogonal_weights_do_not_depend_on_threads():
    before = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(weights("orthogonal"))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)
