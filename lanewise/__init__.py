"""The face of Lanewise: the Python API, the command line and the sweep file; wires the parts.

``import lanewise as lw`` is the only name that users need. Everything is imported on first use,
so that importing the face imports neither Ray nor torch nor MLflow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lanewise.api import resume as resume
    from lanewise.api import tune as tune
    from lanewise.estimators.network import Classifier as Classifier
    from lanewise.estimators.network import Regressor as Regressor
    from lanewise.estimators.search import TuneSearchCV as TuneSearchCV
    from lanewise.models import load as load
    from lanewise.result import Best as Best
    from lanewise.result import Result as Result
    from lanewise.spaces import Choice as Choice
    from lanewise.spaces import Constant as Constant
    from lanewise.spaces import Float as Float
    from lanewise.spaces import Int as Int
    from lanewise.spaces import Repeat as Repeat
    from lanewise.spaces import Space as Space

_HOMES = {
    "tune": "lanewise.api",
    "resume": "lanewise.api",
    "load": "lanewise.models",
    "Result": "lanewise.result",
    "Best": "lanewise.result",
    "Classifier": "lanewise.estimators.network",
    "Regressor": "lanewise.estimators.network",
    "TuneSearchCV": "lanewise.estimators.search",
    "Choice": "lanewise.spaces",
    "Constant": "lanewise.spaces",
    "Float": "lanewise.spaces",
    "Int": "lanewise.spaces",
    "Repeat": "lanewise.spaces",
    "Space": "lanewise.spaces",
}
__all__ = [
    "Best",
    "Choice",
    "Classifier",
    "Constant",
    "Float",
    "Int",
    "Regressor",
    "Repeat",
    "Result",
    "Space",
    "TuneSearchCV",
    "load",
    "resume",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lanewise")
    if name not in _HOMES:
        raise AttributeError(f"module 'lanewise' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
