"""An exported model in use. Needs NumPy, onnxruntime and `trainables/data`, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanewise.trainables.data.inputs import Inputs, from_json
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import CheckpointError, ModelError
from lanewise.trainables.export import about as abouts
from lanewise.trainables.export import predictions, rows
from lanewise.trainables.export.about import About

Run = Callable[[Sequence[Array]], Sequence[Array]]

# The key of a tensor that lies in another file, as protobuf writes it, overlong numbers included.
_EXTERNAL = re.compile(
    rb"(?:\x0a|\x8a\x80{0,8}\x00)(?:\x08|\x88\x80{0,8}\x00)location",
)


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """Answers raw rows.

    preprocess: one per replica; replicas of one fold share one object.
    run: from each replica's inputs [N, *shape] to its raw outputs [N, C].
    """

    about: About
    preprocess: tuple[Inputs, ...]
    run: Run

    @classmethod
    def read(cls, folder: Path, threads: int = 1) -> ExportedModel:
        """The model in a folder that `folder.write` has written.

        Args:
            threads: of onnxruntime.

        Raises:
            CheckpointError: there is none, or it is damaged, or of a newer format.
        """
        folder = Path(folder)
        about = abouts.read(folder)
        try:
            each = json.loads((folder / abouts.PREPROCESSING).read_text(encoding="utf-8"))
            texts = [json.dumps(fitted) for fitted in each]
            fits = {text: from_json(text) for text in texts}
            run = session((folder / abouts.NETWORK).read_bytes(), len(texts), threads)
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise CheckpointError(f"{folder} is no readable exported model: {why}") from error
        return cls(about, tuple(fits[text] for text in texts), run)

    def inputs_of(self, given: Sequence[Mapping[str, Any]]) -> Any:
        """What `predict` takes, of raw rows; see `rows` for their forms.

        Raises:
            RowError: names the row and the column, and says what is allowed.
        """
        return rows.read(given, self.preprocess[0])

    def predict(self, X: Any) -> Array:
        """As `TrainedModel.predict`, of what `inputs_of` gives, or of arrays."""
        inputs = self._inputs(X)
        return predictions.predicted(self.about, self.run(inputs), inputs, self.preprocess)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities [N, classes], as `TrainedModel.predict_proba`."""
        if self.about.classes is None:
            raise ModelError("model", f"a {self.about.task} has no class probabilities")
        return predictions.probabilities(self.about, self.run(self._inputs(X)))

    def labels(self, probabilities_NC: Array) -> Array:
        """The most probable label of each row [N]."""
        return predictions.labels(self.about, probabilities_NC)

    def score_samples(self, X: Any) -> Array:
        """How badly each row is reconstructed [N], as `TrainedModel.score_samples`."""
        inputs = self._inputs(X)
        return predictions.scores(self.run(inputs), inputs)

    def answers(self, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Of each raw row, in JSON's own types: {"label", "probabilities": {label: p}} of classes,
        {"value"} of a regression, {"values"} of a forecast or a reconstruction, {"anomaly",
        "score"}.

        Raises:
            RowError: as `inputs_of`.
        """
        inputs = self._inputs(self.inputs_of(given))
        return predictions.answers(self.about, self.run(inputs), inputs, self.preprocess)

    def _inputs(self, X: Any) -> list[Array]:
        """What each replica takes; what is shared is computed once."""
        first = self.preprocess[0]
        if isinstance(first, Preprocess):
            X = first.read(X)
        made = {
            id(fitted): fitted.transform(X)
            for fitted in {id(f): f for f in self.preprocess}.values()
        }
        return [made[id(fitted)] for fitted in self.preprocess]


def session(network: bytes, replicas: int, threads: int = 1) -> Run:
    """Runs an ONNX model of so many replicas.

    Raises:
        CheckpointError: it is none, or parts of it lie in other files.
    """
    import onnxruntime

    if _EXTERNAL.search(network):
        raise CheckpointError(f"{abouts.NETWORK} refers to other files, which are never read")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; what it warns of is its own optimisation
    try:
        opened = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        why = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{abouts.NETWORK} is no model that onnxruntime reads: {why}"
        ) from None
    inputs = [f"x{number}" for number in range(replicas)]
    outputs = [f"output{number}" for number in range(replicas)]

    def run(xs: Sequence[Array]) -> Sequence[Array]:
        found: Sequence[Array] = opened.run(outputs, dict(zip(inputs, xs, strict=True)))
        return found

    return run
