"""Variants of a network: what they are, that each is measured, and which one is chosen."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

sys.path.append(str(Path(__file__).parent))

from trained_families import combinations, trained

from lanewise.trainables.errors import DataError, ExportError
from lanewise.trainables.export import quantize
from lanewise.trainables.export.candidates import PARITY, Candidate, candidates, choose
from lanewise.trainables.export.folder import about_of, write
from lanewise.trainables.export.measure import Latency, Measured
from lanewise.trainables.export.prune import sparse
from lanewise.trainables.export.runtime import ExportedModel
from lanewise.trainables.export.variants import VARIANTS, Original
from lanewise.trainables.models import MODELS

pytestmark = pytest.mark.usefixtures("one_thread")

MOST = ["float32", "int8-dynamic", "int8-static", "sparse-80", "narrow-50"]  # long: all
FIRST = {name: (form, task) for name, form, task in reversed(combinations())}


@pytest.fixture(scope="module")
def model():
    config = (("hidden", (64, 48)), ("norm", "batch"))
    return trained("mlp", "table", "multiclass", folds=1, config=config)


@pytest.fixture(scope="module")
def made(model):
    """All variants of it."""
    seen = []
    comparison = candidates(model, MOST, progress=seen.append)
    assert seen == MOST
    assert not comparison.skipped
    return {one.variant: one for one in comparison.candidates}


def test_each_is_measured_on_the_validation_part(model, made):
    assert [*made] == MOST
    for one in made.values():
        measured = one.measured
        assert {*measured.metrics} == {"val_loss"}
        assert {*measured.resampled} == {"val_loss"}
        assert measured.size == len(one.network)
        assert 0 < measured.zipped < measured.size
        assert 0 < measured.latency[1].p50 <= measured.latency[1].p99
        assert {*measured.latency} == {1, 32}
    assert made["float32"].measured.metrics["val_loss"] == pytest.approx(
        model.evaluate(("val",))["val_loss"], rel=1e-4
    )
    assert made["float32"].measured.parity <= PARITY


@pytest.mark.parametrize("name", ["sparse-80", "narrow-50"])
def test_the_weights_of_a_pruned_network_are_a_model_too(made, name):
    found = made[name].model.evaluate(("val",))
    assert made[name].measured.metrics["val_loss"] == pytest.approx(found["val_loss"], rel=1e-4)
    assert made[name].model.metrics["val_loss"] == pytest.approx(found["val_loss"], rel=1e-4)


def test_zeros_stay_zeros_while_it_is_trained_on(made):
    weights = [p for p in made["sparse-80"].model.module.parameters() if p.ndim >= 2]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    assert zeros / sum(weight.numel() for weight in weights) == pytest.approx(0.8, abs=0.01)
    measured = made["sparse-80"].measured
    assert measured.nonzero == measured.parameters - zeros
    assert measured.size == pytest.approx(made["float32"].size, rel=0.1)  # zeros take room
    assert measured.zipped < made["float32"].measured.zipped


def test_whole_units_make_a_narrower_network(model, made):
    one = made["narrow-50"]
    assert one.model.config["hidden"] == [32, 24]
    assert one.model.given["hidden"] == [32, 24]
    assert one.measured.parameters < model_size(model) / 2
    assert one.size < made["float32"].size


def model_size(model):
    return sum(p.numel() for m in model.modules for p in m.parameters())


def test_without_training_on_the_strongest_units_and_weights_are_as_they_were(model):
    (before, after) = (model.module, sparse(model, 0.5, epochs=0).module)
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        kept = new != 0
        assert torch.equal(old[kept], new[kept])
        if old.ndim < 2:
            assert torch.equal(old, new)


def test_whole_numbers_make_a_smaller_file(made):
    for name in ("int8-dynamic", "int8-static"):
        assert made[name].size < 0.85 * made["float32"].size


def test_a_variant_is_a_folder_like_any_other(model, made, tmp_path):
    one = made["int8-static"]
    about = replace(about_of(model), variant=one.variant, metrics=dict(one.measured.metrics))
    write(one.model, one.network, tmp_path / "m", about)
    read = ExportedModel.read(tmp_path / "m")
    assert read.about == about
    assert len(read.answers([{"a": 1, "b": None, "c": "2.5", "city": "Bern"}])) == 1


def test_what_a_variant_is_not_for_is_said():
    residual = Original(trained("mlp", "table", "regression"), b"")
    with pytest.raises(ExportError, match="residual connections tie the widths of its layers"):
        VARIANTS["narrow-50"].make(residual)
    other = Original(trained("recommender", "ids", "regression"), b"")
    with pytest.raises(ExportError, match="taken out of an mlp alone; this model is recommender"):
        VARIANTS["narrow-50"].make(other)


def test_a_network_without_weights_for_them_has_no_whole_numbers():
    node = onnx.helper.make_node("Relu", ["x0"], ["output0"])
    value = [onnx.helper.make_tensor_value_info(n, 1, ["N", 2]) for n in ("x0", "output0")]
    graph = onnx.helper.make_graph([node], "g", value[:1], value[1:])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    with pytest.raises(ExportError, match="no layer whose weights could be int8"):
        quantize.dynamic(proto.SerializeToString())


def test_without_data_nothing_is_compared(model):
    bare = replace(model, recipe=replace(model.recipe, prepared=None))
    with pytest.raises(DataError, match="on the data that the model was trained on"):
        candidates(bare, ["float32"])


# -- choosing ------------------------------------------------------------------------------------


def candidate(name, score, ms=1.0, size=1000, noise=0.0):
    random = np.random.default_rng(len(name))
    resampled = {"val_accuracy": score + noise * random.normal(size=200)}
    latency = {1: Latency(ms / 2, ms), 32: Latency(ms, 2 * ms)}
    numbers = (0.0, 1.0, size, size // 2, 10, 10)
    return Candidate(
        name, b"", None, Measured({"val_accuracy": score}, resampled, *numbers, latency)
    )


def test_the_metric_comes_first():
    found = [candidate("float32", 0.9, ms=9), candidate("small", 0.8, ms=1)]
    assert choose(found, "val_accuracy", "max").variant == "float32"
    assert choose(found, "val_accuracy", "min").variant == "small"


def test_among_those_that_validation_rows_do_not_tell_apart_the_fastest():
    found = [
        candidate("float32", 0.90, ms=9, noise=0.02),
        candidate("quick", 0.89, ms=1, noise=0.02),
        candidate("quickest", 0.7, ms=0.1, noise=0.02),
    ]
    assert choose(found, "val_accuracy", "max").variant == "quick"


def test_of_those_that_take_about_as_long_the_smallest():
    found = [candidate("float32", 0.9, 1.0, 900), candidate("small", 0.9, 1.05, 100)]
    assert choose(found, "val_accuracy", "max").variant == "small"


def test_a_latency_that_is_chance_gives_no_metric_away():
    found = [
        candidate("float32", 0.90, ms=1.0, noise=0.02),
        candidate("sparse", 0.89, ms=0.95, noise=0.02),
    ]
    assert choose(found, "val_accuracy", "max").variant == "float32"


def test_the_limits_come_before_the_metric():
    found = [candidate("float32", 0.9, 9, 900), candidate("small", 0.8, 5, 100)]
    assert choose(found, "val_accuracy", "max", max_latency=6).variant == "small"
    assert choose(found, "val_accuracy", "max", max_size=100).variant == "small"
    with pytest.raises(ExportError) as caught:
        choose(found, "val_accuracy", "max", max_latency=2, max_size=500)
    assert str(caught.value) == (
        "variant: no variant is within 2 ms and 500 bytes; the nearest is small: "
        "5 ms (99th percentile of a row) and 100 bytes"
    )


def test_the_page_tells_of_every_model_and_variant():
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    assert [name for name in (*MODELS, *VARIANTS) if f"`{name}`" not in page] == []


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_every_family_has_each_variant_or_says_why_not(name):
    model = trained(name, *FIRST[name], folds=1)
    if model.info.task == "generation":
        with pytest.raises(ExportError, match="predicts none"):
            candidates(model)
        return
    found = candidates(model)
    assert {one.variant for one in found.candidates} | {*found.skipped} == {*VARIANTS}
    assert {"float32", "sparse-50", "sparse-80"} <= {one.variant for one in found.candidates}
    assert all("\n" not in why and why for why in found.skipped.values())
