import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.search.core.events import Asked, Continue, Reported
from lanewise.search.core.history import History
from lanewise.search.core.spec import Objective
from lanewise.trainables.checkpoints.weights import weights_of
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.source import load
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.errors import BadValue, CheckpointError, ConfigError, ModelError
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.progress import Course
from lanewise.trainables.training.streams import keep_mask, order, stream, torch_seed
from lanewise.trainables.trial import open_trial


def params(trial):
    return [t for replica in trial.replicas for t in weights_of(replica.module).values()]


def equal(one, other):
    pairs = zip(params(one), params(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs) and one.rows == other.rows


def trained(recipe, config, epochs, seed=3):
    trial = open_trial(recipe, config, seed)
    trial.advance(epochs)
    return trial


@pytest.mark.parametrize(
    ("source", "monitor", "epochs", "bar"),
    [
        ("sklearn:digits", "val_accuracy", 6, 0.9),
        ("sklearn:breast_cancer", "val_accuracy", 5, 0.9),
        ("sklearn:diabetes", "val_r2", 15, 0.3),
    ],
)
def test_learns(recipe, source, monitor, epochs, bar):
    trial = trained(recipe(source, monitor=monitor), {}, epochs)
    assert max(row[monitor] for _, row in trial.rows) >= bar
    assert [epoch for epoch, _ in trial.rows] == list(range(1, epochs + 1))
    assert set(trial.rows[0][1]) == {"train_loss", "val_loss", monitor}


# --- the solo law: a plain loop over torch.nn and torch.optim gives the same parameters ---


def plain_loop(prepared, *, seed, epochs, hidden, p, lr, batch_size):
    """What a person would write, with our initial values, batches and masks; float64."""
    fold = prepared.folds[0]
    x, y = torch.from_numpy(fold.x_train).double(), torch.from_numpy(fold.y_train)
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(seed, 0, "init", 0))
        layers = [nn.Linear(x.shape[1], hidden), nn.Linear(hidden, prepared.info.outputs)]
    first, last = (layer.double() for layer in layers)
    optimizer = torch.optim.Adam([*first.parameters(), *last.parameters()], lr=lr)
    for epoch in range(1, epochs + 1):
        permutation = order(seed, 0, epoch, len(x))
        masks = stream(seed, 0, "dropout", epoch)
        for start in range(0, len(x), batch_size):
            rows = permutation[start : start + batch_size]
            h = torch.relu(first(x[rows]))
            keep = torch.from_numpy(keep_mask(masks, h.numel(), p)).view(h.shape)
            loss = F.cross_entropy(last(h * keep / (1 - p)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [*first.parameters(), *last.parameters()]


def test_equals_a_plain_loop(recipe):
    shared = recipe("sklearn:wine", dtype="float64")
    config = {"hidden": [9], "dropout": 0.3, "lr": 0.01, "batch_size": 16}
    expected = plain_loop(
        shared.prepared, seed=5, epochs=3, hidden=9, p=0.3, lr=0.01, batch_size=16
    )
    trial = trained(shared, config, 3, seed=5)
    for found, wanted in zip(params(trial), expected, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_replicas_are_independent(recipe):
    """Replica 0 of two seeds trains as the only one does."""
    one = trained(recipe(), {"dropout": 0.2}, 3)
    two = trained(recipe(seeds=2), {"dropout": 0.2}, 3)
    assert all(torch.equal(a, b) for a, b in zip(params(one), params(two), strict=False))


# --- resuming ---

NOISY = {"hidden": [16], "dropout": 0.3, "batch_size": 16, "l1": 1e-4, "clip_norm": 1.0}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("radam")
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "radam"])
def test_resume_is_exact(recipe, tmp_path, optimizer, dtype):
    shared = recipe(seeds=2, dtype=dtype)
    options = {"name": "sgd", "momentum": 0.9} if optimizer == "sgd" else optimizer
    config = {**NOISY, "optimizer": options, "patience": 5}
    straight = trained(shared, config, 7)
    trained(shared, config, 3).save(tmp_path / "c")
    resumed = open_trial(shared, config, 3, tmp_path / "c")
    assert resumed.epoch == 3
    assert len(resumed.rows) == 3
    resumed.advance(7)
    assert equal(straight, resumed)
    assert straight.course.best_epoch == resumed.course.best_epoch
    for a, b in zip(straight.replicas, resumed.replicas, strict=True):
        assert all(torch.equal(a.weights.best[n], b.weights.best[n]) for n in a.weights.best)


def test_repeats_exactly_and_leaves_global_randomness_alone(recipe):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = trained(recipe(), NOISY, 2)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert equal(one, trained(recipe(), NOISY, 2))
    assert not equal(one, trained(recipe(), NOISY, 2, seed=4))


def test_a_checkpoint_is_replaced_whole(recipe, tmp_path):
    trial = trained(recipe(), {}, 1)
    trial.save(tmp_path / "c")
    trial.advance(2)
    trial.save(tmp_path / "c")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    assert open_trial(recipe(), {}, 3, tmp_path / "c").epoch == 2


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "flipped", "header", "folder"])
def test_damaged_checkpoints(recipe, tmp_path, damage):
    file = tmp_path / "c"
    trained(recipe(), {}, 1).save(file)
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        content[-5] ^= 1
        changed = {"empty": b"", "truncated": content[: len(content) // 2], "flipped": content}
        file.write_bytes(changed.get(damage, b"\xff" * 100 + content))
    with pytest.raises(CheckpointError):
        open_trial(recipe(), {}, 3, file)


def test_a_checkpoint_of_another_shape(recipe, tmp_path):
    trained(recipe(), {"hidden": [8]}, 1).save(tmp_path / "c")
    with pytest.raises(CheckpointError, match="another model"):
        open_trial(recipe(), {"hidden": [9]}, 3, tmp_path / "c")
    with pytest.raises(CheckpointError, match="1 replicas, the trial 2"):
        open_trial(recipe(seeds=2), {"hidden": [8]}, 3, tmp_path / "c")


def test_another_config_can_go_on_from_a_checkpoint(recipe, tmp_path):
    """As population based training does."""
    trained(recipe(), {"lr": 0.01}, 2).save(tmp_path / "c")
    for config in ({"lr": 0.1}, {"optimizer": "rmsprop"}):
        trial = open_trial(recipe(), config, 4, tmp_path / "c")
        trial.advance(3)
        assert trial.epoch == 3


# --- rows, best, patience, failures ---


def test_rows_are_means_over_folds_and_seeds(recipe):
    trial = trained(recipe(folds=3, seeds=2, metrics=("train_accuracy",)), {}, 2)
    assert len(trial.replicas) == 6
    _, row = trial.rows[-1]
    each = [replica.evaluate(["val_accuracy"])["val_accuracy"] for replica in trial.replicas]
    assert row["val_accuracy"] == pytest.approx(np.mean(each))
    assert row["val_accuracy_std"] == pytest.approx(np.std(each))
    assert "train_accuracy" in row


def test_patience(recipe):
    """A learning rate too small to move the accuracy: ends after `patience` more epochs."""
    trial = open_trial(recipe(), {"lr": 1e-12, "patience": 3}, 1)
    assert trial.advance(2) is False
    assert trial.advance(100) is True
    assert trial.epoch == 4
    assert trial.advance(100) is True
    assert trial.epoch == 4


def measured(monkeypatch, rows):
    """Whatever is trained, its validation part has these (val_accuracy, val_loss), by epoch."""
    left = iter(rows)

    def evaluate(self, names):
        return dict(zip(("val_accuracy", "val_loss"), next(left), strict=True))

    monkeypatch.setattr("lanewise.trainables.training.replica.Replica.evaluate", evaluate)


TIED = [(0.5, 0.1), (1.0, 0.9), (1.0, 0.3), (1.0, 0.3), (0.9, 0.01), (1.0, 0.4)]


@pytest.mark.parametrize(("ties", "best"), [("loss", 3), ("age", 2)])
@pytest.mark.parametrize("stop", [0, 2, 3, 5])
def test_of_epochs_with_equal_values_the_one_with_the_lower_loss_is_kept(
    recipe, tmp_path, monkeypatch, ties, best, stop
):
    """Straight on, or resumed from a checkpoint; the weights are those of that epoch."""
    measured(monkeypatch, TIED)
    shared = recipe(ties=ties)
    trial = open_trial(shared, {}, 1)
    weights = {}
    for epoch in range(1, 7):
        trial.advance(epoch)
        weights[epoch] = present(trial)
        if epoch == stop:
            trial.save(tmp_path / "c")
            trial = open_trial(shared, {}, 1, tmp_path / "c")
    assert trial.course.best_epoch == best
    assert all(torch.equal(t, weights[best][n]) for n, t in trial.replicas[0].weights.best.items())


def present(trial):
    (replica,) = trial.replicas
    return {name: tensor.clone() for name, tensor in weights_of(replica.module).items()}


def test_patience_counts_from_the_first_of_equals(recipe, tmp_path, monkeypatch):
    """A falling loss is no reason to train on: the objective has not become better."""
    measured(monkeypatch, [(0.5, 0.9), (1.0, 0.8), *((1.0, 0.7 - n / 10) for n in range(5))])
    trial = open_trial(recipe(), {"patience": 3}, 1)
    assert trial.advance(4) is False
    trial.save(tmp_path / "c")
    resumed = open_trial(recipe(), {"patience": 3}, 1, tmp_path / "c")
    assert resumed.advance(100) is True
    assert (resumed.epoch, resumed.course.best_epoch) == (5, 5)


few = st.sampled_from([0.25, 0.5, 1.0])
rows_of_metrics = st.lists(
    st.fixed_dictionaries({"m": few, "train_loss": st.just(0.1)}, optional={"val_loss": few}),
    min_size=1,
    max_size=12,
)


@given(rows_of_metrics, st.sampled_from(["max", "min"]), st.sampled_from(["loss", "age"]))
def test_the_kept_epoch_is_the_one_that_the_sweep_names(rows, mode, ties):
    """`search` and `trainables` import nothing of each other, and have the same order."""
    history = History((Objective("m", mode, ties),))
    history.apply(Asked(0, {}, 99))
    history.apply(Reported(0, tuple(enumerate(rows, 1)), Continue(99)))
    course = object.__new__(Course)
    course.recipe, course.given = Recipe(monitor="m", mode=mode, ties=ties), {}
    course.names, course.rows, course.epoch, course.best_epoch = ("m", "val_loss"), [], 0, 0
    for row in rows:
        course.end_epoch([{"val_loss": math.inf, **row}], [])
    assert course.best_epoch == history.trials[0].best[0]


def test_stops_at_an_epochs_end_when_time_is_over(recipe):
    trial = open_trial(recipe(), {}, 1)
    assert trial.advance(1000, seconds=0) is False
    assert trial.epoch == 1


def test_bad_values(recipe):
    with pytest.raises(BadValue, match=r"epoch 1: train_loss is (nan|inf)"):
        trained(recipe("sklearn:diabetes", monitor="val_r2"), {"lr": 1e30, "optimizer": "sgd"}, 3)


def test_what_is_not_finite_and_not_monitored_is_left_out(table):
    """Constant targets in validation: r2 is not defined, the loss is."""
    data = table(40, np.r_[np.linspace(0, 1, 28), np.full(12, 0.5)])
    made = prepare(data, source="x", task="regression", seed=0)
    fold = made.folds[0]
    fold.y_val[:] = fold.y_val[0]
    trial = trained(Recipe(model="mlp", prepared=made, metrics=("val_r2",)), {}, 1)
    assert set(trial.rows[0][1]) == {"train_loss", "val_loss"}
    with pytest.raises(BadValue, match="epoch 1: val_r2 is"):
        trained(Recipe(model="mlp", prepared=made, monitor="val_r2", mode="max"), {}, 1)


def test_a_persons_csv_trains_as_it_is(tmp_path):
    """2,000 rows: numbers, text, truth values, gaps, an empty and a constant column."""
    rng = np.random.default_rng(0)
    area, garden = rng.normal(100, 30, 2000), rng.random(2000) < 0.5
    town = rng.choice(["Bern", "Rome", "Oslo"], 2000)
    dear = area + 40 * garden + 30 * (town == "Bern") > 130
    lines = [
        f"{f'{a:.2f}' if i % 11 else ''},{t if i % 13 else ''},{g},,3,{('cheap', 'dear')[int(d)]}"
        for i, (a, t, g, d) in enumerate(zip(area, town, garden, dear, strict=True))
    ]
    (tmp_path / "homes.csv").write_text("\n".join(["area,town,garden,empty,same,class", *lines]))
    table = load("homes.csv", target="class", base=tmp_path)
    task = infer_task(table, task=None, metric="val_accuracy")
    made = prepare(table, source="homes.csv", task=task, seed=0)
    assert made.info.classes == ("cheap", "dear")
    shared = Recipe(model="mlp", prepared=made, monitor="val_accuracy", mode="max", threads=1)
    assert trained(shared, {"lr": 0.01}, 5).rows[-1][1]["val_accuracy"] > 0.85


def test_an_interrupt_inside_an_epoch_cannot_be_saved(recipe, tmp_path, monkeypatch):
    trial = trained(recipe(seeds=2), {}, 1)

    def interrupted(epoch):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial.replicas[1], "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trial.advance(2)
    with pytest.raises(CheckpointError, match="interrupted inside epoch 2"):
        trial.save(tmp_path / "c")


def test_threads_are_as_before(recipe):
    before = torch.get_num_threads()
    trained(recipe(threads=3), {}, 1)
    assert torch.get_num_threads() == before


def test_a_module_may_work_in_place_on_its_input(recipe):
    def build(config, info):
        return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))

    shared = recipe(model="my:build", callable=build)
    kept = [fold.x_val.copy() for fold in shared.prepared.folds]
    trained(shared, {}, 1)
    assert all(np.array_equal(a, f.x_val) for a, f in zip(kept, shared.prepared.folds, strict=True))


def test_read_only_arrays(prepared, recipe):
    """As they come out of Ray's object store."""
    shared = recipe(prepared=prepare_read_only(prepared("sklearn:iris")))
    assert equal(trained(recipe(), {}, 1), trained(shared, {}, 1))


def prepare_read_only(made):
    import pickle

    copy = pickle.loads(pickle.dumps(made.for_trials()))  # noqa: S301
    for fold in copy.folds:
        for array in (fold.x_train, fold.y_train, fold.x_val, fold.y_val):
            array.flags.writeable = False
    return copy


def test_wrong_recipes(recipe):
    with pytest.raises(ConfigError, match="hiden"):
        open_trial(recipe(), {"hiden": [3]}, 0)
    with pytest.raises(ConfigError, match="needs data"):
        open_trial(Recipe(model="mlp"), {}, 0)
    with pytest.raises(ConfigError, match="is a metric of regression"):
        open_trial(recipe(monitor="val_r2"), {}, 0)
    with pytest.raises(ModelError, match="did you mean 'mlp'"):
        open_trial(recipe(model="mpl"), {}, 0)


# --- users' modules ---


class Noisy(nn.Module):
    """Everything that draws: a shared nn.Dropout, 2-d dropout, and its own randn."""

    def __init__(self, width, outputs):
        super().__init__()
        self.first, self.last = nn.Linear(width, 12), nn.Linear(12, outputs)
        self.norm = nn.BatchNorm1d(12)
        self.drop = self.again = nn.Dropout(0.2)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x):
        h = self.drop(self.norm(self.first(x)).relu())
        if self.training:
            self.calls += 1
            h = h + 0.1 * torch.randn_like(h)
        return self.last(self.again(nn.functional.dropout(h, 0.1, self.training)))


def noisy(config, info):
    assert config == {"mine": 1, "lr": 0.01}  # what the user wrote, without our defaults
    return Noisy(info.input_shape[0], info.outputs)


def test_a_users_module_resumes_exactly(recipe, tmp_path):
    shared = recipe(model="given:noisy", callable=noisy, fixed={"mine": 1})
    straight = trained(shared, {"lr": 0.01}, 5)
    module = straight.replicas[0].module
    assert isinstance(module.drop, nn.Dropout)
    assert module.drop is module.again
    assert type(module.drop) is not nn.Dropout
    trained(shared, {"lr": 0.01}, 2).save(tmp_path / "c")
    resumed = open_trial(shared, {"lr": 0.01}, 3, tmp_path / "c")
    resumed.advance(5)
    assert equal(straight, resumed)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda config, info: "a module", "returned a str, not an nn.Module"),
        (lambda config, info: nn.Linear(4, 2), r"[batch, outputs] = [64, 3]; it returned [64, 2]"),
        (lambda config, info: nn.Flatten(0), "has no parameter to train"),
        (
            lambda config, info: nn.Sequential(nn.Linear(4, 3), nn.LSTM(3, 3)),
            "it returned tuple",
        ),
    ],
)
def test_what_build_returns_is_checked(recipe, build, words):
    with pytest.raises(ModelError) as caught:
        trained(recipe(model="my:build", callable=build), {}, 1)
    assert words in str(caught.value)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.99999999, 1.0])
def test_dropout_rates(p):
    from lanewise.trainables.training.draws import Draws

    masks = Draws()
    masks.generator = stream(0, 0, "dropout", 1)
    x = torch.ones(100_000, requires_grad=True)
    out = masks.dropout(x, p, tuple(x.shape))
    out.sum().backward()
    rate = float((out == 0).double().mean())
    # 6 sigma: fails by chance once in 1e9 runs (and the stream is fixed)
    assert abs(rate - p) <= 6 * math.sqrt(p * (1 - p) / 1e5) + 1 / 65536
    assert torch.isfinite(out).all()
