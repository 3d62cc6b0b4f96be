"""A table, split and preprocessed: what trials train on. No trial ever sees the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lanewise.trainables.data.baselines import baseline_notes, of_series
from lanewise.trainables.data.dependence import clusters
from lanewise.trainables.data.info import Info as Info
from lanewise.trainables.data.inputs import TABLE, Inputs, Reading, alike, as_wide_as, fit
from lanewise.trainables.data.notes import notes
from lanewise.trainables.data.parts import Part, blamed
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.redraw import Redraw
from lanewise.trainables.data.split import DEFAULT, Split, split_rows
from lanewise.trainables.data.strata import strata_of
from lanewise.trainables.data.table import Array, Rows, Table, identity
from lanewise.trainables.data.targets import Targets
from lanewise.trainables.data.task import Label
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.errors import DataError


@dataclass(frozen=True, eq=False)
class Fold:
    """One training and validation part. x: [N, …], float32 (int64: tokens, ids), or unread.

    y by task: int64 codes [N] for multiclass, float32 0/1 [N] for binary; float32 standardised [N]
    for regression and [N, O + O] for forecasting, with the seasonal-naive forecasts behind; x as
    [N, D] for reconstruction and generation, and [N, D + 1] for anomaly, with 1 behind for one.
    w_train: what each training row's loss is multiplied by, float32 [N], 1 in the mean; None for 1.
    """

    x_train: Array | Unread
    y_train: Array
    x_val: Array | Unread
    y_val: Array
    preprocess: Inputs
    w_train: Array | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that trials need, and beside it the raw test part.

    notes: what people should know of how the data were read, a sentence each.
    clusters: for each fold the numbers that validation rows share which belong together; empty
        where each is by itself.
    """

    folds: tuple[Fold, ...]
    info: Info
    identity: dict[str, Any]
    test: Rows | None
    notes: tuple[str, ...] = ()
    clusters: tuple[Array, ...] = ()
    redraw: Redraw | None = field(default=None, repr=False)

    def for_trials(self) -> Prepared:
        """The same without the test part: what executors get."""
        return replace(self, test=None)

    def redrawn(self, seed: int) -> Prepared:
        """The same with parts that this seed has drawn; see `redraw`."""
        assert self.redraw is not None
        table, targets, made = self.redraw.table, self.redraw.targets, []
        for train, val in self.redraw.draw(seed):
            fitted = self.redraw.fit(table.take(train))
            made.append(_fold(table, targets, fitted, train, targets.part(table.take(val), fitted)))
        return replace(self, folds=tuple(made))


def prepare(
    table: Rows,
    *,
    source: str,
    task: str,
    split: Sequence[float] = DEFAULT,
    folds: int = 1,
    seed: int = 0,
    own: Mapping[str, Part] | None = None,
    reading: Reading = TABLE,
    anomalies: Sequence[Label] | None = None,
    stratify: str | None = None,
    test_seed: int | None = None,
    parts: Split | None = None,
    reshuffle: bool = False,
    whole: bool = False,
) -> Prepared:
    """Split `table` and preprocess each fold by its own training part.

    Args:
        task: from `infer_task`.
        split, folds, seed, test_seed: as in `split.split_rows`.
        own: the parts with rows of their own, by "validation" and "test".
        reading: how the rows are read; `table` and `own` are in its form.
        anomalies: labels whose rows no model trains on, for the task anomaly.
        stratify: a column of whose values, instead of the target's, parts get alike shares.
        parts: the row numbers of each part, where they are known; nothing is split then.
        reshuffle: whether each trial draws parts of its own; these are an example then.
        whole: whether the validation part is trained on, too; see `split.Split.whole`.
    """
    own = own or {}
    targets = Targets.of(table, task, anomalies, [part.table for part in own.values()])
    codes = strata_of(table, stratify) if stratify else targets.strata(table)
    parts = parts or split_rows(
        len(table),
        codes,
        split=split,
        folds=folds,
        seed=seed,
        groups=None if table.groups is None else table.groups.values,
        order=table.order,
        own=tuple(own),
        test_seed=test_seed,
    )
    if whole:
        if "validation" in own:
            message = "has rows of its own, which are not read as one with the training part"
            raise DataError("data.validation", message)
        parts, folds, reshuffle = parts.whole(), 1, False
    pairs = [(targets.to_learn_from(table, train), val) for train, val in parts.folds]
    redraw = Redraw.of(table, parts, codes, split, targets, reading) if reshuffle else None
    learned = [fit(table.take(train), reading, regression=targets.is_scaled) for train, _ in pairs]
    fits = [as_wide_as(each, redraw.like) for each in learned] if redraw else alike(learned)
    # The test part as well, and thrown away: a mistake in it must show before the sweep.
    encoded = {name: _encoded(part, name, targets, fits[0]) for name, part in own.items()}
    made = []
    for (train, val), fitted in zip(pairs, fits, strict=True):
        validation = encoded.get("validation") or targets.part(table.take(val), fitted)
        made.append(_fold(table, targets, fitted, train, validation))
    test = table.take(parts.test) if len(parts.test) else None
    test = own["test"].table if "test" in own else test
    cut = Split(tuple(pairs), parts.test)
    about = _identity(table, source, own) | {"split": list(split), "parts": _counts(cut, own)}
    if folds > 1:
        about["folds"] = folds
    if stratify:
        about["stratify"] = stratify
    if reshuffle:
        about["reshuffle"] = True
    if targets.anomalies:
        about["anomaly"] = list(targets.anomalies)
    own_rows = [own["validation"].table] if "validation" in own else []
    about |= of_series(own_rows or [table.take(val) for _, val in pairs])
    info = targets.info(made, reading)
    if redraw:  # no two trials need to have seen the same categories
        info = replace(info, one_hot=())
    told = notes(table, fits[0], {name: part.table for name, part in own.items()})
    told += _unseen(table, parts, fits[0], own)
    told += targets.notes(len(parts.folds[0][0]) - len(pairs[0][0]))
    alike_rows = tuple(_clusters(table, val, own) for _, val in pairs)
    told += baseline_notes(about)
    return Prepared(tuple(made), info, about, test, tuple(told), alike_rows, redraw)


def _fold(
    table: Rows,
    targets: Targets,
    fitted: Inputs,
    train: Array,
    validation: tuple[Array | Unread, Array],
) -> Fold:
    targets.check_validation(validation[1])
    return Fold(*targets.part(table.take(train), fitted), *validation, fitted)


def _clusters(table: Rows, val: Array, own: Mapping[str, Part]) -> Array:
    """Of a validation part; see `dependence.clusters`."""
    if "validation" in own:
        rows = own["validation"].table
        return clusters(len(rows), rows.groups, rows.order, None)
    return clusters(len(val), table.groups, table.order, val)


def _unseen(table: Rows, parts: Split, fitted: Inputs, own: Mapping[str, Part]) -> tuple[str, ...]:
    """What the first fold's validation part has that its training part has not."""
    if "validation" in own or not (isinstance(table, Table) and isinstance(fitted, Preprocess)):
        return ()
    return tuple(f"validation: {told}" for told in fitted.unseen(table.take(parts.folds[0][1])))


def _encoded(
    part: Part, name: str, targets: Targets, fitted: Inputs
) -> tuple[Array | Unread, Array]:
    """x and y of a part with rows of its own."""
    with blamed(f"data.{name}"):
        return targets.part(part.table, fitted)


def _identity(table: Rows, source: str, own: Mapping[str, Part]) -> dict[str, Any]:
    about = identity(table, source)
    if table.groups is not None:
        about["group"] = table.groups.name
    if table.order is not None:
        about["order"] = table.order.name
    for name, part in own.items():
        whole = identity(part.table, part.source)
        about[name] = {key: whole[key] for key in ("source", "rows", "dropped", "hash")}
    return about


def _counts(parts: Split, own: Mapping[str, Part]) -> dict[str, int]:
    """Rows per part; with folds, of the first one."""
    train, val = parts.folds[0]
    counts = {"train": len(train), "val": len(val), "test": len(parts.test)}
    short = {"validation": "val", "test": "test"}
    return counts | {short[name]: len(part.table) for name, part in own.items()}
