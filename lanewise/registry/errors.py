"""What a person is told of the registry, one line each."""

from __future__ import annotations

from lanewise.errors import NoModelError


class RegistryError(ValueError):
    """A name, an alias or a version that cannot be, or is not there."""


class LimitsError(NoModelError):
    """No variant of the model is within the limits that were asked for."""
