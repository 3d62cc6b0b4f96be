"""What may vary: domains, conditional spaces, presets.

A space samples, validates, enumerates and encodes configurations, which are plain dicts.
Imports nothing of ours, and no torch, Ray or MLflow; Optuna only inside the functions that
speak to it. `lanewise/`, `search/`, `cluster/` and `dashboards/` may call it.
"""

from . import presets as presets
from .canonical import fingerprint as fingerprint
from .choices import Choice as Choice
from .compounds import Constant as Constant
from .compounds import Repeat as Repeat
from .errors import SpaceError as SpaceError
from .flat import flatten as flatten
from .ranges import Float as Float
from .ranges import Int as Int
from .space import Space as Space
