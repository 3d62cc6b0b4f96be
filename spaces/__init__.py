"""What may vary: domains, conditional spaces, presets.

A space samples, validates, enumerates and encodes configurations, which are plain dicts.
Imports nothing of ours, and no torch, Ray or MLflow; Optuna only inside the functions that
speak to it. `lanewise/`, `search/`, `cluster/` and `dashboards/` may call it.
"""

from spaces import presets as presets
from spaces.canonical import fingerprint as fingerprint
from spaces.choices import Choice as Choice
from spaces.compounds import Constant as Constant
from spaces.compounds import Repeat as Repeat
from spaces.errors import SpaceError as SpaceError
from spaces.flat import flatten as flatten
from spaces.ranges import Float as Float
from spaces.ranges import Int as Int
from spaces.space import Space as Space
