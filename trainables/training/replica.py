"""One network on one fold with one seed in training. B batch, F features, C outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress

import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints.weights import Weights, lacks
from lanewise.trainables.data.dataset import Info
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ModelError
from lanewise.trainables.metrics.losses import Loss, class_weights, make_criterion, make_loss
from lanewise.trainables.metrics.names import complete_loss, reported
from lanewise.trainables.metrics.row_values import row_values
from lanewise.trainables.metrics.scores import score
from lanewise.trainables.optim import build as optimizers
from lanewise.trainables.optim import state as optimizer_state
from lanewise.trainables.training import latent, penalties
from lanewise.trainables.training.batches import batch_sizes
from lanewise.trainables.training.descent import descent, precise
from lanewise.trainables.training.epochs import augmented, epoch_rows
from lanewise.trainables.training.latent import Generative
from lanewise.trainables.training.penalties import Watched
from lanewise.trainables.training.schedules import Rate, Span
from lanewise.trainables.training.streamed import Features, chunks
from lanewise.trainables.training.streams import stream, torch_seed
from lanewise.trainables.training.tensors import FoldTensors
from lanewise.trainables.training.unit import Unit, seeded
from lanewise.trainables.user_code.module import are_the_same, first_pass, input_type, trainable

_GATHER = 1 << 22  # values copied at once when a permutation is applied: 16 MB of float32
_EVALUATE = 8192  # rows per forward pass of an evaluation
_HALVES = (torch.float16, torch.bfloat16)


class Replica:
    """A module, its optimizer, its data and its streams."""

    def __init__(self, unit: Unit) -> None:
        recipe, info, data, config = unit.recipe, unit.info, unit.data, unit.config
        self.seed, self.number, self.device = unit.seed, unit.number, unit.device
        self.config, self.info, self.data = config, info, data
        self.fold, self.resampled = unit.fold, recipe.resampled
        self.row_values: Array | None = None
        self.module, self.draws = unit.module()
        self.params = trainable(self.module)
        if not self.params:
            raise ModelError("model", "the module has no parameter to train")
        self.batch_sizes = batch_sizes(self.module, len(data.x_train), config["batch_size"])
        self.wants_norm = "grad_norm" in reported(recipe.metrics, recipe.monitor)
        self.number_type = unit.dtype
        self._prepare_to_step()
        self.rate = Rate(config, Span(len(self.batch_sizes), recipe.epochs))
        loss, classes = complete_loss(recipe.loss, info.task), len(info.classes or ())
        weight_C = class_weights(config["class_weight"], data.y_train, classes, unit.dtype)
        self.criterion = make_criterion(loss, config["label_smoothing"], weight_C, info.task)
        self.loss_of = make_loss(loss, info.task)
        self.weights = Weights(self.module)

    def _prepare_to_step(self) -> None:
        self.input_type = input_type(self.module, self.number_type)
        self.optimizer = optimizers.build(self.config, self.params)
        adjust = optimizers.gradient_adjustment(
            self.config, self.params, wants_norm=self.wants_norm
        )
        precision = self.config["precision"]
        self.descend = descent(precision, self.device, self.optimizer, adjust)

    def _take_new_parameters(self) -> None:
        """Train those, too, that the module has made in a forward pass; nothing, if it has not."""
        found = trainable(self.module)
        if are_the_same(found, self.params):
            return
        kept = self.optimizer.state
        self.params = found
        self._prepare_to_step()
        for param in found:
            if param in kept:
                self.optimizer.state[param] = kept[param]

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training rows.

        Returns:
            train_loss, the mean of its rows' plain loss while the weights changed; and grad_norm,
            the mean of the steps it took, where clipping knows it or it is to be reported.
        """
        self.module.train()
        self.draws.generator = stream(self.seed, self.number, "dropout", epoch)
        watched: AbstractContextManager[Watched] = nullcontext(Watched())
        if self.config["activity_l1"] or penalties.has_terms(self.module):
            watched = penalties.watched(self.module)
        noise = torch_seed(self.seed, self.number, "noise", epoch)
        with seeded(noise, self.device), watched as extra:
            return self._train(epoch, extra)

    def _train(self, epoch: int, extra: Watched) -> dict[str, float]:
        module, rate = self.module, self.rate
        criterion, outputs = self.criterion, self.info.outputs
        losses, sizes, norms = [], [], []
        before = (epoch - 1) * rate.span.steps
        for number, (x_BF, y_B, *w_B) in enumerate(self._batches(epoch), before):
            for param in self.params:
                param.grad = None
            with precise(self.config["precision"], self.device):
                output_BC = module(x_BF)
            if number == before:
                self._take_new_parameters()
            if not rate.is_constant:
                self.optimizer.param_groups[0]["lr"] = rate.at(number)
            if type(output_BC) is not Tensor or output_BC.shape != (len(y_B), outputs):
                _refuse(output_BC, (len(y_B), outputs))
            if output_BC.is_complex():
                _refuse(output_BC, (len(y_B), outputs))
            loss, plain = criterion(output_BC.to(self.number_type), y_B, *w_B)
            if extra.activity:
                loss = loss + self.config["activity_l1"] / len(y_B) * sum(extra.activity)
            if extra.terms:
                loss = loss + torch.stack(extra.terms).sum()
            extra.clear()
            norm = self.descend(loss)
            losses.append(plain)
            sizes.append(len(y_B))
            if norm is not None:
                norms.append(norm)
        weights = torch.tensor(sizes, dtype=torch.float64)
        found = {"train_loss": float(torch.stack(losses).cpu().double() @ weights / weights.sum())}
        if norms:
            found["grad_norm"] = float(torch.stack(norms).double().nanmean())
        return found

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, ...]]:
        """Mini-batches in the epoch's order, as many rows each as `batch_sizes` says.

        Inputs and targets, and the rows' weights where they have some.
        """
        x, w, sizes = self.data.x_train, self.data.w_train, self.batch_sizes
        others = [self.data.y_train] if w is None else [self.data.y_train, w]
        which = self.config, self.data, self.seed, self.number, epoch
        rows, changes = torch.from_numpy(epoch_rows(*which)).to(x.device), augmented(*which)
        # One gather for many batches: as fast as for all, without a second copy of the data.
        many = max(1, _GATHER // (sizes[0] * max(1, x[0].numel())))
        groups = [sizes[first : first + many] for first in range(0, len(sizes), many)]
        for part, group in zip(torch.split(rows, [sum(g) for g in groups]), groups, strict=True):
            batches: Iterable[tuple[Tensor, ...]] = zip(
                *(torch.split(each[part], group) for each in (x, *others)), strict=True
            )
            if changes is not None:
                batches = ((changes.apply(x_B), *rest) for x_B, *rest in batches)
            if self.input_type != self.number_type and x.is_floating_point():
                batches = ((x_B.to(self.input_type), *rest) for x_B, *rest in batches)
            yield from batches

    @property
    def size(self) -> int:
        """Trainable parameters."""
        return sum(param.numel() for param in self.params)

    def evaluate(self, names: Iterable[str]) -> dict[str, float]:
        """Reported metrics of the present weights."""
        return measure(
            self.module, self.data, names, self.loss_of, self.info, self._keep_row_values
        )

    def _keep_row_values(self, output_NC: Tensor, y_N: Tensor) -> None:
        if self.resampled is not None:
            data = self.fold, output_NC, y_N, self.loss_of, self.data.scale
            self.row_values = row_values(self.resampled, *data)

    def keep_best(self) -> None:
        """Copy the present weights."""
        self.weights.keep_best()

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training needs to go on, by name."""
        found = self.weights.tensors()
        found |= optimizer_state.tensors_of(self.optimizer, self.params, "optimizer.")
        found |= self.descend.tensors()
        if self.rate.state():
            found["rate"] = torch.tensor(self.rate.state(), dtype=torch.float64)
        return found

    def restore(self, tensors: Mapping[str, Tensor], *, with_optimizer: bool) -> None:
        """Take over what `tensors()` gave, bit by bit."""
        if lacks(self.module, tensors, "now."):
            # Where a pass does not make them, what is missing is said by its name.
            with suppress(Exception):
                first_pass(self.module, self.data.x_train[: self.batch_sizes[0]])
            self._take_new_parameters()
        self.weights.restore(tensors)
        if with_optimizer:
            options = self.config["optimizer"]
            optimizer_state.restore(self.optimizer, options, self.params, tensors, "optimizer.")
            self.descend.restore(tensors)
        if "rate" in tensors:
            self.rate.restore(tensors["rate"].tolist())


def forward(module: nn.Module, x: Features, outputs: int) -> Tensor:
    """Evaluation outputs [N, C] for all rows of `x`, or as many that the module makes of noise."""
    module.eval()
    if isinstance(module, Generative):
        x = latent.fixed(len(x), module.latent, like=next(module.parameters()))
    with torch.no_grad():
        found = []
        for part in chunks(x, _EVALUATE):
            # A copy: the data is shared by all trials, and a model may work in place on its input.
            output = module(part.clone().to(input_type(module, part.dtype)))
            if type(output) is not Tensor or output.shape != (len(part), outputs):
                _refuse(output, (len(part), outputs))
            if output.is_complex():
                _refuse(output, (len(part), outputs))
            # What is scripted asks for gradients in any case; halves are too coarse for metrics.
            output = output.detach()
            found.append(output.float() if output.dtype in _HALVES else output)
    return found[0] if len(found) == 1 else torch.cat(found)


def measure(
    module: nn.Module,
    data: FoldTensors,
    names: Iterable[str],
    loss_of: Loss,
    info: Info,
    on_validation: Callable[[Tensor, Tensor], None] | None = None,
) -> dict[str, float]:
    """Reported metrics ("val_loss", "train_accuracy") of a module on one fold's parts.

    Args:
        on_validation: gets the validation part's outputs and targets.
    """
    names = list(names)
    found: dict[str, float] = {}
    for part, x, y in (("train", data.x_train, data.y_train), ("val", data.x_val, data.y_val)):
        wanted = [n.removeprefix(f"{part}_") for n in names if n.startswith(f"{part}_")]
        if wanted:
            # What a module draws at random in an evaluation, it draws in each evaluation.
            with seeded(0, str(y.device)):
                output_NC = forward(module, x, info.outputs)
            values = score(wanted, output_NC, y, loss_of, data.scale, info.task)
            if part == "val" and on_validation is not None:
                on_validation(output_NC, y)
            found |= {f"{part}_{name}": value for name, value in values.items()}
    return found


def _refuse(output: object, wanted: tuple[int, int]) -> None:
    if isinstance(output, Tensor) and output.is_complex():
        message = "the module returned complex numbers; return real ones (.abs(), .real)"
        raise ModelError("model", message)
    if isinstance(output, Tensor) and output.shape == wanted:
        return  # a subclass of Tensor
    shape = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
    message = f"the module must return [batch, outputs] = {list(wanted)}; it returned {shape}"
    raise ModelError("model", message)
