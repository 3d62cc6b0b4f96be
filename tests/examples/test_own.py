"""The examples of a user's own model: each runs as written, and keeps what its comments promise."""

from __future__ import annotations

import importlib.util
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import lightning_adapter as adapter
import pytest
import torch
from commandline import Lanewise
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.source import load
from lanewise.trainables.errors import StopTrial
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

OWN = Path(__file__).parents[2] / "examples" / "own"
HAS_LIGHTNING = importlib.util.find_spec("lightning") is not None
real_lightning = pytest.mark.skipif(not HAS_LIGHTNING, reason="Lightning is not installed")
LONG, NIGHT = pytest.mark.long, pytest.mark.night


def example(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's, where it is installed
        return importlib.import_module(name)


# As a user runs them.


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """An example sets torch's threads, for its whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(lanewise: Lanewise, name: str, executor: str, *options: str) -> dict[str, Any]:
    """The summary of an example's sweep, which must be done without a failure."""
    options = ("report=false", "--executor", executor, *options)
    summary: dict[str, Any] = lanewise.json("run", str(OWN / f"{name}.yaml"), *options)
    assert summary["status"] == "done"
    assert summary["trials"]["failed"] == 0
    return summary


@pytest.mark.parametrize(
    ("name", "executor", "trials", "bar"),
    [
        ("scikit_learn", "inline", 4, 0.9),
        pytest.param("custom_layer", "packed", 4, 0.9, marks=LONG),
        pytest.param("hugging_face", "inline", 3, 0.7, marks=LONG),
        # In Ray's workers, a file that the example imports must be found, too.
        pytest.param("lightning_module", "tune", 2, 0.9, marks=LONG),
        pytest.param("hugging_face", "packed", 3, 0.7, marks=NIGHT),
        pytest.param("lightning_module", "inline", 2, 0.9, marks=NIGHT),
        pytest.param("scikit_learn", "tune", 4, 0.9, marks=NIGHT),
    ],
)
def test_a_few_trials_of_an_example(
    name: str, executor: str, trials: int, bar: float, lanewise: Lanewise
) -> None:
    options = (f"budget.trials={trials}", "budget.epochs=6")
    summary = run(lanewise, name, executor, *options)
    assert summary["trials"]["asked"] == trials
    assert summary["best"]["metrics"]["val_accuracy"] > bar
    if executor == "packed":
        shown = lanewise.run("show", summary["sweep"]).stdout
        assert "packing: on, up to " in shown
        assert "off" not in shown


@NIGHT
@pytest.mark.parametrize(
    ("name", "bar"),
    [
        ("custom_layer", 0.95),
        ("hugging_face", 0.9),
        ("lightning_module", 0.95),
        ("scikit_learn", 0.93),
    ],
)
def test_an_example_as_it_is_written(name: str, bar: float, lanewise: Lanewise) -> None:
    executor = "auto" if name in ("custom_layer", "hugging_face") else "inline"
    summary = run(lanewise, name, executor)
    assert summary["best"]["metrics"]["val_accuracy"] > bar


BUGS = {
    # file: (what is written, what is written instead, the lines of the user's that must be seen)
    "lightning_module": (
        "self.log(",
        "self.logg(",
        ("in training_step", 'self.logg("train_loss", loss)', "lightning_adapter.py"),
    ),
    "custom_layer": (
        "angle_BFK.cos()]",
        "angle_BFK.cos().mT]",
        ("in forward", "angle_BFK.cos().mT]", "custom_layer.py"),
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=LONG) for name in BUGS])
def test_a_bug_in_the_module_shows_its_whole_traceback(name: str, lanewise: Lanewise) -> None:
    written, instead, lines = BUGS[name]
    for path in OWN.iterdir():
        if path.is_file():
            lanewise.write(path.name, path.read_text().replace(written, instead))
    options = ["budget.trials=1", "report=false", "--executor", "inline"]
    lanewise.json("run", f"{name}.yaml", *options, code=3)
    (failed,) = lanewise.json("show", name.replace("_", "-"))["history"]
    for line in ("Traceback", *lines):
        assert line in failed["failure"]


# The models.


@pytest.mark.parametrize(
    ("name", "source", "task"),
    [
        ("custom_layer", "sklearn:breast_cancer", "binary"),
        ("hugging_face", "sklearn:digits", "multiclass"),
    ],
)
def test_a_model_trains_as_a_lane(name: str, source: str, task: str) -> None:
    table = load(source, target=None, base=OWN)
    prepared = prepare(table, source=source, task=task).for_trials()
    recipe = Recipe(f"{name}.py:build", base=str(OWN), prepared=prepared, threads=1)
    trial = Pool(recipe, force_packing=True).open({"dropout": 0.1}, 0)
    assert trial.alone == ""
    trial.close()


@pytest.mark.parametrize("name", ["custom_layer", "hugging_face"])
@pytest.mark.parametrize(("task", "outputs"), [("binary", 1), ("multiclass", 3), ("regression", 1)])
def test_build_needs_nothing_of_the_space(name: str, task: str, outputs: int) -> None:
    info = SimpleNamespace(task=task, input_shape=(16,), outputs=outputs)
    model = example(name).build({}, info)
    assert model(torch.zeros(5, 16)).shape == (5, outputs)


def test_the_wrapper_gives_the_logits_of_the_model() -> None:
    hugging_face = example("hugging_face")
    model = hugging_face.build({}, SimpleNamespace(input_shape=(64,), outputs=10)).eval()
    x, labels = torch.randn(4, 64), torch.arange(4)
    output = model.model(inputs_embeds=model.embed(x.view(4, 8, 8)), labels=labels)
    assert torch.equal(model(x), output.logits)
    assert torch.equal(output.loss, nn.functional.cross_entropy(output.logits, labels))
    tokens = model.model(input_ids=torch.zeros(4, 8, dtype=torch.long))
    assert tokens.logits.shape == (4, 10)
    assert tokens.loss is None


@pytest.mark.filterwarnings("ignore")  # of transformers' imports
def test_a_model_of_transformers_is_wrapped_the_same_way() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        attention_probs_dropout_prob=0.0,
        num_labels=3,
    )
    bert = transformers.AutoModelForSequenceClassification.from_config(config)
    model = example("hugging_face").Logits(bert, 64, 16)
    logits = model(torch.randn(4, 64))
    assert logits.shape == (4, 3)
    logits.sum().backward()
    left = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert left == []  # such a model could not train in a pack


# Checkpoints of the training functions.


@pytest.mark.parametrize("name", ["lightning_module", "scikit_learn"])
def test_a_resumed_trial_goes_on_with_the_same_metrics(name: str, tmp_path: Path) -> None:
    recipe = Recipe(train=f"{name}.py:train", base=str(OWN), monitor="val_accuracy", mode="max")
    whole = open_trial(recipe, {}, 7)
    whole.advance(4)
    first = open_trial(recipe, {}, 7)
    first.advance(2)
    first.save(tmp_path / "trial")
    first.close()
    second = open_trial(recipe, {}, 7, tmp_path / "trial")
    assert second.epoch == 2
    second.advance(4)
    assert second.rows == whole.rows
    assert len(second.rows) == 4
    other = open_trial(recipe, {}, 8)
    other.advance(4)
    assert other.rows != whole.rows
    for trial in (whole, second, other):
        trial.close()


# The adapter.


class Told:
    """A report that keeps what it is told; raises after epoch `until`, as for a trial that ends."""

    def __init__(self, folder: Path, until: int = 99, epoch: int = 0) -> None:
        self.folder, self.until, self.epoch, self.seed = folder, until, epoch, 3
        self.checkpoint = folder / str(epoch) if epoch else None
        self.metrics: dict[int, dict[str, float]] = {}

    def __call__(self, epoch: int, checkpoint: str, **metrics: float) -> None:
        copied = self.folder / str(epoch)
        copied.mkdir(exist_ok=True)
        for path in Path(checkpoint).iterdir():
            (copied / path.name).write_bytes(path.read_bytes())
        self.metrics[epoch] = metrics
        if epoch == self.until:
            raise StopTrial


def stand_in() -> type:
    """The class that the example has in place of Lightning's."""
    found: type = example("lightning_module").LightningModule
    return found


class Line(stand_in()):  # type: ignore[misc]
    """A straight line; `configure` is called for the optimizers."""

    def __init__(self, configure: Any = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(2, 1)
        self.drop = nn.Dropout(0.2)
        self.configure = configure or adam

    def loss(self, batch: Any) -> Tensor:
        x, y = batch
        return nn.functional.mse_loss(self.layer(self.drop(x)).squeeze(1), y)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self.loss(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log_dict({"val_loss": self.loss(batch)}, prog_bar=True)

    def configure_optimizers(self) -> Any:
        return self.configure(self)


def adam(module: nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr)


def scheduled(kind: str, **options: Any) -> Any:
    """A configure_optimizers with a schedule of torch's."""

    def configure(module: nn.Module) -> Any:
        optimizer = adam(module)
        made = getattr(torch.optim.lr_scheduler, kind)(optimizer, **options)
        return optimizer, made

    return configure


def lists(module: nn.Module) -> Any:
    optimizer, schedule = scheduled("StepLR", step_size=1, gamma=0.5)(module)
    return [optimizer], [schedule]


def settings(module: nn.Module) -> Any:
    optimizer, schedule = scheduled("StepLR", step_size=1, gamma=0.5)(module)
    return [optimizer], [{"scheduler": schedule, "interval": "epoch", "frequency": 2}]


def mapping(module: nn.Module) -> Any:
    optimizer, schedule = scheduled("StepLR", step_size=1, gamma=0.5)(module)
    return {"optimizer": optimizer, "lr_scheduler": schedule}


def each_step(module: nn.Module) -> Any:
    optimizer, schedule = scheduled("OneCycleLR", max_lr=0.1, total_steps=module_steps(module))(
        module
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def module_steps(module: Any) -> int:
    steps: int = module.trainer.estimated_stepping_batches
    return steps


def plateau(module: nn.Module) -> Any:
    optimizer, schedule = scheduled("ReduceLROnPlateau", patience=0, factor=0.5)(module)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss", "name": "rate"},
    }


def batches(*sizes: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    made = []
    for size in sizes:
        x = torch.randn(size, 2, generator=generator)
        made.append((x, x @ torch.tensor([1.0, -2.0]) + 3))
    return made


def fitted(module: Any, report: Any, epochs: int = 4) -> dict[int, dict[str, float]]:
    adapter.fit(module, batches(8, 8, 3), batches(8, 1), report, epochs=epochs, device="cpu")
    found: dict[int, dict[str, float]] = report.metrics
    return found


FORMS = {
    "optimizer": (adam, 0.1),
    "list": (lambda module: [adam(module)], 0.1),
    "lists": (lists, 0.1 / 2**4),
    "settings": (settings, 0.1 / 2**2),
    "mapping": (mapping, 0.1 / 2**4),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_configure_optimizers(form: str, tmp_path: Path) -> None:
    configure, rate = FORMS[form]
    module = Line(configure)
    found = fitted(module, Told(tmp_path))
    assert found[4]["val_loss"] < found[1]["val_loss"]
    state = torch.load(tmp_path / "4" / "module.pt", weights_only=True)
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(rate)


@pytest.mark.parametrize("configure", [adam, lists, each_step, plateau])
def test_the_adapter_goes_on_where_it_was(configure: Any, tmp_path: Path) -> None:
    whole = fitted(Line(configure), Told(tmp_path))
    with pytest.raises(StopTrial):
        fitted(Line(configure), Told(tmp_path, until=2))
    rest = fitted(Line(configure), Told(tmp_path, epoch=2))
    assert rest == {epoch: whole[epoch] for epoch in (3, 4)}


def test_what_steps_log_is_averaged_by_rows(tmp_path: Path) -> None:
    class Sized(Line):
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("rows", len(batch[0]))
            self.log("counted", len(batch[0]), batch_size=1)

    found = fitted(Sized(), Told(tmp_path), epochs=1)
    assert found[1]["rows"] == pytest.approx((8 * 8 + 1 * 1) / 9)
    assert found[1]["counted"] == pytest.approx((8 + 1) / 2)


def test_a_name_logged_in_both_parts_is_that_of_the_validation(tmp_path: Path) -> None:
    class Both(Line):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            self.log("share", 0.0)
            return self.loss(batch)

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("share", 1.0)

    assert fitted(Both(), Told(tmp_path), epochs=1) == {1: {"share": 1.0}}


def test_a_torchmetrics_object_is_computed_and_reset_every_epoch(tmp_path: Path) -> None:
    class Count:
        rows = 0

        def compute(self) -> Tensor:
            return torch.tensor(self.rows)

        def reset(self) -> None:
            self.rows = 0

    class Counting(Line):
        def __init__(self) -> None:
            super().__init__()
            self.count = Count()

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.count.rows += len(batch[0])
            self.log("rows", self.count)

    found = fitted(Counting(), Told(tmp_path), epochs=2)
    assert [each["rows"] for each in found.values()] == [9, 9]


HOOKS = (
    "setup",
    "on_fit_start",
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_optimizer_step",
    "on_train_batch_end",
    "on_validation_epoch_start",
    "on_validation_epoch_end",
    "on_train_epoch_end",
    "on_save_checkpoint",
    "on_train_end",
    "on_fit_end",
)


class Hooked(Line):
    """Notes its hooks with the mode that it is in; the ends of epochs log, too."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[tuple[str, bool]] = []


def noted(name: str) -> Any:
    def hook(self: Any, *arguments: Any) -> None:
        self.called.append((name, self.training))
        if name.endswith("_epoch_end"):
            self.log(name, 1.5)

    return hook


for hook in HOOKS:
    setattr(Hooked, hook, noted(hook))


def test_hooks_are_called_in_lightnings_order_and_may_log(tmp_path: Path) -> None:
    module = Hooked()
    adapter.fit(module, batches(4), batches(4), told := Told(tmp_path), epochs=1, device="cpu")
    assert [name for name, _ in module.called] == list(HOOKS)
    modes = dict(module.called)
    assert modes["on_train_batch_start"]
    assert not modes["on_validation_epoch_start"]
    assert told.metrics[1]["on_validation_epoch_end"] == 1.5
    assert told.metrics[1]["on_train_epoch_end"] == 1.5


class Manual(Line):
    automatic_optimization = False


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (lambda: Line(lambda module: [adam(module), adam(module)]), "must give one optimizer"),
        (lambda: Line(lambda module: None), "must give one optimizer, not None"),
        (lambda: Line(lambda module: [[adam(module)], [unmonitored(module)]]), "needs a monitor"),
        (lambda: Manual(), "manual optimization"),
    ],
)
def test_what_the_adapter_cannot_do_it_says(module: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        fitted(module(), Told(tmp_path))


def unmonitored(module: nn.Module) -> Any:
    return torch.optim.lr_scheduler.ReduceLROnPlateau(adam(module))


def test_a_sum_is_not_taken_for_a_mean(tmp_path: Path) -> None:
    class Summed(Line):
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("total", 1.0, reduce_fx="sum")

    with pytest.raises(ValueError, match="reduce_fx must be 'mean'"):
        fitted(Summed(), Told(tmp_path))


def test_batches_of_any_shape_are_counted_and_moved() -> None:
    x = torch.zeros(3, 2)
    for batch in (x, (x, 1), [x], {"x": x, "y": None}, ({"x": x},)):
        assert adapter.rows(batch) == 3
        adapter.moved(batch, "cpu")
    assert adapter.moved({"x": [x, "word"]}, "meta")["x"][0].device.type == "meta"
    assert adapter.rows("word") == 1


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "1").mkdir()
    torch.save({"state_dict": Bad()}, tmp_path / "1" / "module.pt")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        fitted(Line(), Told(tmp_path, epoch=1))
    assert not (tmp_path / "ran").exists()


@real_lightning
@pytest.mark.filterwarnings("ignore")  # of Lightning's imports and advice
@pytest.mark.parametrize("configure", [adam, lists, each_step, plateau])
def test_the_adapter_trains_as_lightnings_own_trainer(configure: Any, tmp_path: Path) -> None:
    import lightning

    class Watch(lightning.Callback):
        rows: list[dict[str, float]]

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            found = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self.rows.append(found)

    def made() -> Any:
        module = Line(configure)
        module.drop.p = 0.0  # its draws would differ
        return module

    x, y = (torch.cat(parts) for parts in zip(*batches(8, 8, 3), strict=True))
    loader = DataLoader(TensorDataset(x, y), 8)
    watch = Watch()
    watch.rows = []
    trainer = lightning.Trainer(
        max_epochs=4,
        accelerator="cpu",
        callbacks=[watch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    theirs = made()
    trainer.fit(theirs, loader, loader)
    ours = made()
    adapter.fit(ours, loader, loader, told := Told(tmp_path), epochs=4, device="cpu")
    for name, weights in theirs.state_dict().items():
        assert torch.equal(weights, ours.state_dict()[name])
    for row, found in zip(watch.rows, told.metrics.values(), strict=True):
        assert found["val_loss"] == pytest.approx(row["val_loss"], rel=1e-6)


@real_lightning
@pytest.mark.filterwarnings("ignore")
def test_the_example_takes_the_real_class_where_it_is_installed() -> None:
    import lightning

    assert stand_in() is lightning.LightningModule
