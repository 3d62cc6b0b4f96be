"""A small exported model, made without training: three classes of two numbers and a word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.table import Table
from lanewise.trainables.export import about as abouts
from lanewise.trainables.export.about import About
from lanewise.trainables.export.examples import columns_of, example_rows


def write(folder: Path, version: int | None = 3) -> Path:
    """The folder, as `trainables.export.folder` writes it."""
    draws = np.random.default_rng(0)
    x_ND = draws.normal(size=(30, 2))
    x_ND[::5, 1] = np.nan
    town = np.array([("Bern", "Rome", None)[number % 3] for number in range(30)], object)
    fitted = Preprocess.fit(
        Table(x_ND, ("size", "age"), {"town": town}, ("size", "town", "age"), np.zeros(30), "y")
    )
    folder.mkdir(parents=True)
    (folder / abouts.NETWORK).write_bytes(_network(draws.normal(size=(fitted.width, 3))))
    (folder / abouts.PREPROCESSING).write_text(json.dumps([json.loads(fitted.to_json())]))
    (folder / abouts.EXAMPLE).write_text(json.dumps({"rows": example_rows(fitted)}))
    abouts.write(
        About(
            name="towns",
            task="multiclass",
            form="table",
            shape=(fitted.width,),
            outputs=3,
            columns=columns_of(fitted),
            classes=("low", "mid", "high"),
            version=version,
        ),
        folder,
    )
    return folder


def _network(weights: np.ndarray) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x0", "w"], ["output0"])],
        "small",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["N", len(weights)])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    content: bytes = model.SerializeToString()
    assert onnx.load_from_string(content).graph.name == "small"
    return content


@contextmanager
def started(command: list[str], **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server's process with nothing but these variables, and its URL (give port 0)."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        url = re.search(r"http://\S+:\d+", line)
        assert url, line + process.stderr.read()
        yield process, url[0]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def python() -> list[str]:
    """An interpreter that has our libraries and not our package's folder on its path."""
    return [os.fspath(sys.executable), "-I"]
