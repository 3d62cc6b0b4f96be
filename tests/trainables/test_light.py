import subprocess
import sys

import pytest

TORCH_FREE = [
    "errors",
    "failures",
    "knobs",
    "metrics.names",
    "data.source",
    "data.arrays",
    "data.dataset",
    "config",
    "models",
    "optim",
    "training.schedules",
    "training.streams",
    "user_code.references",
    "recipe",
    "trial",
    "training.function",
    "checkpoints.state",
]


def imported(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_package_is_light():
    assert not imported("import lanewise.trainables") & {"torch", "pandas", "sklearn", "numpy"}


def test_what_prepares_and_checks_needs_no_torch():
    modules = imported("import " + ", ".join(f"lanewise.trainables.{name}" for name in TORCH_FREE))
    assert not modules & {"torch", "pandas", "sklearn", "ray", "mlflow"}


def test_data_is_prepared_without_torch():
    code = (
        "from pathlib import Path\n"
        "from lanewise.trainables.data.source import load\n"
        "from lanewise.trainables.data.dataset import prepare\n"
        "t = load('sklearn:iris', target=None, base=Path())\n"
        "prepare(t, source='x', task='multiclass')"
    )
    assert "torch" not in imported(f"exec({code!r})")


@pytest.mark.parametrize("words", ["can't allocate memory", "CUDA error: out of memory"])
def test_failure_kinds(words):
    import torch

    from lanewise.trainables.errors import BadValue
    from lanewise.trainables.failures import failure_kind

    assert failure_kind(RuntimeError(f"[enforce fail] {words}")) == "out_of_memory"
    assert failure_kind(torch.OutOfMemoryError("x")) == "out_of_memory"
    assert failure_kind(MemoryError()) == "out_of_memory"
    assert failure_kind(BadValue("nan")) == "bad_value"
    assert failure_kind(RuntimeError("shape")) == "bug"
    assert failure_kind(ValueError(words)) == "bug"


TRAIN = """
from pathlib import Path
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.data.source import load
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial
iris = prepare(load('sklearn:iris', target=None, base=Path()), source='x', task='multiclass')
for name in OPTIMIZERS:
    trial = open_trial(Recipe(model='mlp', prepared=iris), {'optimizer': name, 'clip_norm': 1}, 0)
    trial.advance(1)
    assert trial.rows
"""


def test_training_does_without_torchs_compiler():
    """Importing torch._dynamo costs every fresh worker about 2 s of CPU."""
    modules = imported(f"exec({TRAIN!r})")
    assert "torch.optim" in modules
    assert "torch._dynamo" not in modules
