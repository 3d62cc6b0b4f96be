"""What may vary: domains, conditional spaces.

A space samples, validates, enumerates and encodes configurations, which are plain dicts.
Imports nothing of ours, and no torch, Ray or MLflow; Optuna only inside the functions that
speak to it. `lanewise/`, `search/`, `cluster/` and `dashboards/` may call it.
"""

from lanewise.spaces.canonical import fingerprint as fingerprint
from lanewise.spaces.compounds import Constant as Constant
from lanewise.spaces.errors import SpaceError as SpaceError
from lanewise.spaces.flat import flatten as flatten
from lanewise.spaces.form import Choice as Choice
from lanewise.spaces.form import Repeat as Repeat
from lanewise.spaces.ranges import Float as Float
from lanewise.spaces.ranges import Int as Int
from lanewise.spaces.space import Space as Space
