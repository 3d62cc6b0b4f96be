"""Rows as other libraries hold them: read as the same numbers, or one clear line."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.arrays import save_arrays
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.given import plain
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.errors import DataError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

N = 8
M = np.arange(16.0).reshape(N, 2)
Y = np.array([0, 1] * 4)


def tensor():
    return torch.tensor(M)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def on_disk(folder):
    mapped = np.memmap(folder / "m.dat", "f8", "w+", shape=M.shape)
    mapped[:] = M
    return mapped


class Array:
    """Of a library that none of ours knows."""

    def __array__(self, dtype=None, copy=None):
        return M.copy()


ROWS = {
    "a tensor with gradients": lambda: tensor().requires_grad_(),
    "a parameter": lambda: torch.nn.Parameter(tensor()),
    "a result of a model": lambda: torch.nn.Identity()(tensor().requires_grad_()) * 1,
    "bfloat16": lambda: tensor().bfloat16(),
    "float16": lambda: tensor().half(),
    "float8": lambda: tensor().to(torch.float8_e4m3fn),
    "uint16": lambda: tensor().to(torch.uint16),
    "sparse COO": lambda: tensor().to_sparse(),
    "sparse CSR": lambda: tensor().to_sparse_csr(),
    "sparse CSC": lambda: tensor().to_sparse_csc(),
    "sparse blocks": lambda: tensor().to_sparse_bsr((2, 2)),
    "sparse with gradients": lambda: tensor().to_sparse().requires_grad_(),
    "quantized": lambda: torch.quantize_per_tensor(tensor().float(), 0.5, 0, torch.qint8),
    "a part of complex numbers": lambda: tensor().to(torch.complex128).conj().real,
    "transposed": lambda: tensor().T.contiguous().T,
    "a list of tensors": lambda: [torch.tensor(row, requires_grad=True) for row in M],
    "a tuple of tensors": lambda: tuple(tensor()),
    "SciPy's CSR": lambda: sp.csr_matrix(M),
    "SciPy's COO": lambda: sp.coo_array(M),
    "a structured array": lambda: np.rec.fromarrays(M.T, names="a,b"),
    "structured, of another order": lambda: np.array(
        [tuple(row) for row in M], [("a", ">f4"), ("b", ">i2")]
    ),
    "another order of bytes": lambda: M.astype(">f4"),
    "Fortran's order": lambda: np.asfortranarray(M),
    "every other row": lambda: np.repeat(M, 2, axis=0)[::2],
    "objects": lambda: M.astype(object),
    "extended floats": lambda: M.astype(np.longdouble),
    "read only": lambda: read_only(M),
    "nothing masked": lambda: np.ma.masked_array(M),
    "lists": lambda: M.tolist(),
    "another library": Array,
    "a frame": lambda: pd.DataFrame(M),
    "a frame of extended floats": lambda: pd.DataFrame(M.astype(np.longdouble)),
    "a frame of half floats": lambda: pd.DataFrame(M.astype(np.float16)),
    "a frame of another order": lambda: pd.DataFrame(M.astype(">f8")),
    "a sparse frame": lambda: pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(M)),
    "a frame with levels of rows": lambda: pd.DataFrame(
        M, index=pd.MultiIndex.from_product([[1, 2], [1, 2, 3, 4]])
    ),
    "a frame with levels of columns": lambda: pd.DataFrame(
        M, columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "")])
    ),
    "a table of Arrow": lambda: pa.table({"a": M[:, 0], "b": M[:, 1]}),
}
LABELS = {
    "with gradients": lambda: torch.tensor(Y, dtype=torch.float32, requires_grad=True),
    "bfloat16": lambda: torch.tensor(Y).bfloat16(),
    "a list of tensors": lambda: list(torch.tensor(Y)),
    "a column": lambda: torch.tensor(Y)[:, None],
    "SciPy's": lambda: sp.csc_matrix(Y[:, None]),
    "Arrow's": lambda: pa.array(Y),
    "with an index of its own": lambda: pd.Series(Y, index=range(100, 108)),
    "a frame of one column": lambda: pd.DataFrame({"q": Y}),
    "sparse": lambda: pd.Series(pd.arrays.SparseArray(Y)),
    "nothing masked": lambda: np.ma.masked_array(Y),
}


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():  # of what PyTorch has in beta
        warnings.filterwarnings("ignore", message=r"Sparse|.*quantiz.*|.*beta state")
        yield


def read(folder, X, y, groups=None):
    saved = save_arrays(folder, (X, y), groups)
    return load_rows(saved.source, Columns(saved.target, saved.group), folder)


@pytest.mark.parametrize("case", ROWS)
def test_rows_are_the_same_numbers(case, tmp_path):
    rows = read(tmp_path, ROWS[case](), Y)
    assert np.array_equal(rows.x_ND, M)
    assert rows.target.tolist() == Y.tolist()


@pytest.mark.parametrize("case", LABELS)
def test_labels_are_the_same_numbers(case, tmp_path):
    for X in (M, pd.DataFrame(M)):
        assert read(tmp_path, X, LABELS[case]()).target.tolist() == Y.tolist()


def test_a_file_in_memory(tmp_path):
    assert np.array_equal(read(tmp_path, on_disk(tmp_path), Y).x_ND, M)


def test_pictures(tmp_path):
    pixels = np.random.default_rng(0).normal(size=(N, 1, 3, 3)).astype(np.float32)
    for X in (
        torch.tensor(pixels, requires_grad=True),
        pixels.astype(">f4"),
        pixels.astype(object),
        [torch.tensor(picture) for picture in pixels],
    ):
        assert np.allclose(read(tmp_path, X, Y).x, pixels)


def test_what_is_masked_is_missing(tmp_path):
    gone = M > 12
    for kind in (float, int, np.float32):
        rows = read(tmp_path, np.ma.masked_array(M.astype(kind), gone), Y)
        assert np.array_equal(np.isnan(rows.x_ND), gone)
        cubes = np.repeat(M[:, :, None], 2, 2).astype(kind)
        found = read(tmp_path, np.ma.masked_greater(cubes, 12), Y).x
        assert np.array_equal(np.isnan(found), cubes > 12)
    for labels in (Y, np.array(["a", "b"] * 4)):
        rows = read(tmp_path, M, np.ma.masked_array(labels, [1] + [0] * 7))
        assert (rows.dropped, rows.target.tolist()) == (1, labels[1:].tolist())


def test_levels_of_names_become_one(tmp_path):
    names = pd.MultiIndex.from_tuples([("size", "mean"), ("size", ""), ("kind", "")])
    frame = pd.DataFrame(np.c_[M, Y], columns=names)
    for target in ("kind", ("kind", "")):
        rows = read(tmp_path, frame, target)
        assert rows.columns == ("size.mean", "size")
        assert rows.target.tolist() == Y.tolist()
    assert read(tmp_path, frame, "size.mean").target_name == "size.mean"
    groups = torch.tensor(Y)
    assert read(tmp_path, frame, "kind", groups).groups.values.tolist() == [str(v) for v in Y]


def ragged():
    return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=torch.jagged)


def frame(*names):
    return pd.DataFrame(M, columns=names)


class Lazy:
    columns = ("a", "b")


REFUSED = {
    "complex tensor": (lambda: tensor().to(torch.complex64), "data: a tensor of complex64 holds"),
    "complex array": (lambda: M * 1j, "data: an array of complex128 holds complex numbers; give"),
    "complex lists": (lambda: (M * 1j).tolist(), "data: X holds complex numbers; give"),
    "complex pictures": (lambda: np.zeros((8, 1, 2, 2), complex), "data: an array of complex128"),
    "complex sparse": (lambda: sp.csr_matrix(M * 1j), "data: an array of complex128 holds"),
    "a complex column": (lambda: frame("a", "b") * 1j, "data: column 'a' holds complex numbers"),
    "no numbers": (lambda: tensor().to("meta"), "data: a tensor of float64 on the device meta"),
    "nested": (ragged, "data: a tensor of float32 is nested: rows must be of one shape"),
    "tensors of several shapes": (
        lambda: [torch.zeros(2), torch.zeros(3)] * 4,
        "data: the tensors differ in shape: [2], [3]; rows must be of one shape",
    ),
    "rows of tensors": (
        lambda: [[torch.tensor(1.0, requires_grad=True)] * 2] * 8,
        "data: X cannot be read as an array: Can't call numpy() on Tensor that requires grad",
    ),
    "more zeros than memory": (
        lambda: sp.csr_matrix((8, 10**9)),
        "data: a sparse array of [8, 1000000000] takes 64 GB with its zeros",
    ),
    "records of arrays": (
        lambda: np.zeros(8, [("n", "f8", (2,))]),
        "data: the records of an array must be [N], with a single value a field",
    ),
    "rows of several lengths": (lambda: [[1, 2], [3]] * 4, "data: the rows of X differ in length"),
    "a number": (lambda: np.float64(1), "data: X must be [N, D], [N, T, F] or"),
    "a vector": (lambda: tensor()[:, 0], "data: X must be [N, D], [N, T, F] or"),
    "a column twice": (lambda: frame("a", "a"), "data.source: the DataFrame has more"),
    "a column twice when flat": (
        lambda: frame(("a", "b"), ("a.b", "")).set_axis(
            pd.MultiIndex.from_tuples([("a", "b"), ("a.b", "")]), axis=1
        ),
        "data.source: the DataFrame has more than one column 'a.b'",
    ),
    "another kind of frame": (Lazy, "data: a tests.trainables.data.test_given.Lazy is no"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_line(case, tmp_path):
    make, words = REFUSED[case]
    with pytest.raises(DataError) as caught:
        save_arrays(tmp_path, (make(), Y))
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_an_index_in_another_order_is_one_line(tmp_path):
    """Else rows would silently get labels of other rows."""
    X = frame("a", "b")
    for y in (pd.Series(Y, index=range(7, -1, -1)), pd.DataFrame({"y": Y}, index=[7, *range(7)])):
        with pytest.raises(DataError, match=r"the same index in another order; give y.loc\[X.ind"):
            save_arrays(tmp_path, (X, y))
        assert (
            read(tmp_path, X, y.loc[X.index]).target.tolist() == y.loc[X.index].squeeze().tolist()
        )
        assert read(tmp_path, X.to_numpy(), y).target.tolist() == Y.tolist()
    with pytest.raises(DataError, match=r"X and groups have the same index in another order"):
        save_arrays(tmp_path, (X, Y), pd.Series(Y, index=range(7, -1, -1)))


def test_a_function_may_return_them(tmp_path):
    (tmp_path / "rows.py").write_text(
        "import torch\n"
        "X = torch.arange(16.0, requires_grad=True).reshape(8, 2)\n"
        "def both(): return X, torch.tensor([0, 1] * 4).bfloat16()\n"
        "def alone(): return X\n"
    )
    rows = load_rows("python:rows.py:both", Columns(), tmp_path)
    assert np.array_equal(rows.x_ND, M)
    alone = load_rows("python:rows.py:alone", Columns(has_target=False), tmp_path)
    assert np.array_equal(alone.x_ND, M)


def test_a_model_predicts_from_them(tmp_path):
    rows = read(tmp_path, M, Y * 1.5)
    made = prepare(rows, source="x", task="regression", split=(0.5, 0.5, 0))
    trial = open_trial(Recipe(model="mlp", prepared=made), {"lr": 0.01}, 0)
    trial.advance(1)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", Recipe(model="mlp"))
    right = model.predict(M)
    for case, make in ROWS.items():
        if "frame" not in case and "structured" not in case and "Arrow" not in case:
            assert np.allclose(model.predict(make()), right), case
    with pytest.raises(DataError, match="X: a tensor of complex64 holds complex numbers"):
        model.predict(tensor().to(torch.complex64))


def test_what_is_known_stays_as_it_is():
    for given in ([[1, 2]], {"a": [1]}, [["a", 1]], None, "text", pd.Series([1])):
        assert plain(given, "X") is given
