"""Modules as users write them, each with something that a built-in one does not have."""

import torch
from torch import nn
from torch.nn.utils import parametrizations


class Lazy(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        # No bias before the norm: its gradient is rounding alone, which adam makes steps of.
        self.a = nn.LazyLinear(8, bias=False)
        self.norm, self.b = nn.LazyBatchNorm1d(), nn.Linear(8, outputs)

    def forward(self, x):
        return self.b(torch.relu(self.norm(self.a(x))))


class LazyUnused(Lazy):
    """A part that no forward pass uses stays without a shape."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.never = nn.LazyLinear(3)


class Complex(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.w = nn.Parameter(torch.randn(inputs, outputs, dtype=torch.complex64))
        self.register_buffer("phase", torch.exp(1j * torch.arange(outputs)))

    def forward(self, x):
        return (x.to(self.w.dtype) @ self.w * self.phase).real


class Mixed(nn.Module):
    """Complex and real parameters."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.spectrum = nn.Parameter(torch.randn(inputs // 2 + 1, dtype=torch.cfloat))
        self.out = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.out(torch.fft.irfft(torch.fft.rfft(x) * self.spectrum, n=x.shape[1]))


class Extra(nn.Module):
    """A running mean beside the parameters, by torch's own door for it."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.inside = nn.Linear(inputs, outputs)
        self.seen = {"mean": torch.zeros(inputs), "batches": 0, "names": ("a", [1.5, None])}

    def forward(self, x):
        if self.training:
            self.seen["batches"] += 1
            self.seen["mean"] = 0.5 * self.seen["mean"] + 0.5 * x.detach().mean(0)
        return self.inside(x - self.seen["mean"]) * (1 + self.seen["batches"])

    def get_extra_state(self):
        return self.seen

    def set_extra_state(self, state):
        assert isinstance(state["names"], tuple)
        self.seen = state


class Memory(nn.Module):
    """A buffer that grows with training."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.register_buffer("rows", torch.zeros(0, inputs))
        self.out = nn.Linear(inputs, outputs)

    def forward(self, x):
        if self.training and len(self.rows) < 50:
            self.rows = torch.cat([self.rows, x.detach()[:7]])
        return self.out(x - self.rows.mean(0))


class NoneFirst(nn.Module):
    """A buffer that is None at first, one that does not exist, and one that stays temporary."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.out = nn.Linear(inputs, outputs)
        self.register_buffer("mean", None)
        self.register_buffer("shift", torch.zeros(inputs), persistent=False)

    def forward(self, x):
        if self.training:
            self.mean = x.detach().mean(0)
            self.shift += 0.1
            if not hasattr(self, "scale"):
                self.register_buffer("scale", x.detach().std(0))
        return self.out((x - self.mean + self.shift) / self.scale)


class Late(nn.Module):
    """Makes a layer and a parameter in its first forward pass."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.first, self.outputs, self.last = nn.Linear(inputs, 6), outputs, None

    def forward(self, x):
        h = torch.tanh(self.first(x))
        if self.last is None:
            self.last = nn.Linear(h.shape[1], self.outputs)
            self.gain = nn.Parameter(torch.full((self.outputs,), 3.0))
        return self.last(h) * self.gain


class Counting(nn.Module):
    """Integer and bool buffers that decide what comes out."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.out = nn.Linear(inputs, outputs)
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("mask", torch.ones(inputs, dtype=torch.bool))

    def forward(self, x):
        if self.training:
            self.steps += 1
            self.mask[self.steps % 5] = False
        return self.out(x * self.mask) * self.steps.sqrt()


class Halves(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.body = nn.Linear(inputs, 16).to(torch.bfloat16)
        self.head = nn.Linear(16, outputs)

    def forward(self, x):
        return self.head(torch.relu(self.body(x.bfloat16())).float())


class Tied(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.a, self.b = nn.Linear(inputs, inputs), nn.Linear(inputs, inputs, bias=False)
        self.b.weight = self.a.weight
        self.out = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.out(torch.relu(self.b(torch.relu(self.a(x)))))


class Shared(nn.Module):
    """Two parameters of one memory."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.a, self.b = nn.Linear(inputs, inputs), nn.Linear(inputs, inputs)
        self.b.weight = nn.Parameter(self.a.weight.data)
        self.out = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.out(torch.relu(self.b(torch.relu(self.a(x)))))


class Words(nn.Module):
    """Sparse gradients."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.table = nn.Embedding(40, 5, sparse=True)
        self.bag = nn.EmbeddingBag(40, 5, sparse=True, mode="sum")
        self.out = nn.Linear(10, outputs)

    def forward(self, x):
        codes = (x * 5 + 20).long().clamp(0, 39)
        return self.out(torch.cat([self.table(codes).mean(1), self.bag(codes)], 1))


class Graph(nn.Module):
    """A sparse buffer."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.register_buffer("adjacency", torch.eye(inputs).roll(1, 0).to_sparse())
        self.out = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.out(torch.sparse.mm(self.adjacency, x.T).T)


class Fourier(nn.Module):
    """Random at the start, and neither parameter nor buffer."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.frequencies = torch.randn(inputs, 12)
        self.out = nn.Linear(12, outputs)

    def forward(self, x):
        return self.out(torch.sin(x @ self.frequencies))


def normed(wrap):
    def build(inputs, outputs):
        return nn.Sequential(wrap(nn.Linear(inputs, 8)), nn.ReLU(), nn.Linear(8, outputs))

    return build


def scripted(inputs, outputs):
    layers = nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)
    return torch.jit.script(nn.Sequential(*layers, nn.Linear(8, outputs)))


def partly_scripted(inputs, outputs):
    return nn.Sequential(scripted(inputs, 6), nn.ReLU(), nn.Linear(6, outputs))


def doubled(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs)).double()


def halved(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs)).bfloat16()


BUILDS = {
    **{kind.__name__: kind for kind in (Lazy, LazyUnused, Complex, Mixed, Extra, Memory)},
    **{kind.__name__: kind for kind in (NoneFirst, Late, Counting, Halves, Tied, Shared)},
    **{kind.__name__: kind for kind in (Words, Graph, Fourier)},
    **{f.__name__: f for f in (scripted, partly_scripted, doubled, halved)},
    "spectral": normed(parametrizations.spectral_norm),
    "weight_norm": normed(parametrizations.weight_norm),
    "orthogonal": normed(parametrizations.orthogonal),
    "old spectral": normed(torch.nn.utils.spectral_norm),
}
