"""What importing and using the core must not pull in: a command that needs no more starts fast."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["ray", "torch", "mlflow", "optuna", "sklearn", "pandas"]

SIMULATE = """
from lanewise.search.control.simulate import simulate
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

spec = Spec(
    Space({"x": Float(0, 1, grid=5)}), (Objective("loss", "min"),), Budget(3, 5),
    Plugin(sys.argv[1]), Plugin("asha"),
)
simulate(make_sweep(spec), lambda params, epoch: {"loss": params["x"]})
"""


def loaded(code, *args):
    """Which heavy modules a fresh process holds after that code."""
    tell = f"\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    command = [sys.executable, "-c", f"import sys\n{code}{tell}", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


MODULES = [
    "sweeps",
    "core.sweep",
    "store.journal",
    "store.view",
    "store.home",
    "control.controller",
    "control.simulate",
    "control.simulator",
    "store.memory",
    "samplers",
    "schedulers",
    "plugins",
]


def test_importing_the_core_is_light():
    assert loaded("\n".join(f"import lanewise.search.{module}" for module in MODULES)) == []


@pytest.mark.parametrize("sampler", ["grid", "random", "sobol", "tpe"])
def test_a_sweep_of_our_own_samplers_is_light(sampler):
    assert loaded(SIMULATE, sampler) == []


def test_the_model_of_tpe_is_light_too():
    code = SIMULATE.replace("Plugin(sys.argv[1])", 'Plugin("tpe", {"startup": 2})')
    assert loaded(code) == []


def test_the_few_first_draws_of_optunas_tpe_need_no_optuna():
    assert loaded(SIMULATE, "optuna:tpe") == []


def test_optunas_tpe_brings_optuna_and_nothing_else_along():
    code = SIMULATE.replace("Plugin(sys.argv[1])", 'Plugin("optuna:tpe", {"startup": 2})')
    assert set(loaded(code)) <= {"optuna", "sklearn", "pandas"}
    assert "optuna" in loaded(code)


def test_the_core_and_the_simulator_need_no_database_library():
    assert loaded(f"{SIMULATE}\nassert 'sqlalchemy' not in sys.modules", "random") == []
