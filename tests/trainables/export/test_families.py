"""Every registered model on every form and task that it takes gives the same outside of torch."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parent))

from trained_families import combinations, data, trained

from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.examples import example_rows
from lanewise.trainables.export.folder import about_of, write
from lanewise.trainables.export.onnx import example, onnx_of, program
from lanewise.trainables.export.pytorch import answering
from lanewise.trainables.export.runtime import ExportedModel

pytestmark = pytest.mark.usefixtures("one_thread")

BAR = 1e-4  # absolute, of raw outputs in float32
COMBINATIONS = combinations()
FIRST = {name: (form, task) for name, form, task in reversed(COMBINATIONS)}
CORE = [(name, *FIRST[name]) for name in FIRST if name not in ("rnn", "gru")]  # lstm is as they


def params():
    for one in COMBINATIONS:
        marks = () if one in CORE else pytest.mark.long
        yield pytest.param(*one, marks=marks, id="-".join(one))


@pytest.mark.parametrize(("name", "form", "task"), list(params()))
def test_an_exported_model_gives_what_the_trained_one_does(name, form, task, tmp_path):
    model = trained(name, form, task)
    if task == "generation":
        with pytest.raises(ExportError, match="makes rows and predicts none"):
            program(model.modules, model.info)
        return
    write(model, onnx_of(program(model.modules, model.info)), tmp_path / "m")
    exported, own = ExportedModel.read(tmp_path / "m"), answering(model)
    for rows in (1, 2, 7, 64):
        xs = [example(model.info, rows, seed).numpy() for seed in range(len(model.modules))]
        for ours, theirs in zip(exported.run(xs), own.run(xs), strict=True):
            assert ours.shape == (rows, model.info.outputs)
            assert ours.dtype == np.float32
            assert np.abs(ours - theirs).max() <= BAR
    test = data(form, task).test
    for one, fitted in zip(exported._inputs(test), model.preprocess, strict=True):
        assert np.array_equal(one, fitted.transform(test))
    real = exported.run(exported._inputs(test)), own.run(own._inputs(test))
    assert np.abs(np.array(real[0]) - np.array(real[1])).max() <= BAR
    agree(exported.predict(test), model.predict(test))
    given = example_rows(model.preprocess[0])
    for ours, theirs in zip(exported.answers(given), own.answers(given), strict=True):
        alike(ours, theirs)
    assert exported.about.columns == about_of(model).columns


def agree(ours, theirs):
    assert ours.shape == theirs.shape
    if ours.dtype == object and ours.ndim > 1:
        alike(ours.tolist(), theirs.tolist())
    elif ours.dtype.kind in "ObUi":
        assert (ours == theirs).mean() > 0.9  # a tie may fall to the other side
    else:
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-3, equal_nan=True)


def alike(ours, theirs):
    """Answers whose numbers differ by rounding."""
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            alike(ours[key], theirs[key])
    elif isinstance(ours, list):
        for one, other in zip(ours, theirs, strict=True):
            alike(one, other)
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-3)
    else:
        assert ours == theirs


def test_the_program_of_torch_export_can_be_stored_and_run(tmp_path):
    model = trained("mlp", "table", "multiclass")
    made = program(model.modules, model.info)
    torch.export.save(made, tmp_path / "model.pt2")
    read = torch.export.load(tmp_path / "model.pt2").module()
    for rows in (1, 7):
        xs = [example(model.info, rows) for _ in model.modules]
        with torch.no_grad():
            found = read(*xs)
        for output, module, x in zip(found, model.modules, xs, strict=True):
            assert torch.allclose(output, module(x), atol=1e-5)
