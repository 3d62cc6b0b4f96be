"""Names, aliases and versions of registered models, as people type them; all of it is checked.

NAME, NAME@ALIAS and NAME/VERSION, each also as MLflow writes it: models:/NAME@ALIAS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lanewise.registry.errors import RegistryError

SCHEME = "models:/"
CHAMPION = "champion"  # the alias that is meant where none is given
LONGEST = 100  # characters of a name or an alias
RESERVED = ("latest", "none", "all")
_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_VERSION = re.compile(r"[vV]?\d+")


@dataclass(frozen=True)
class Reference:
    """A version of a registered model, by its number or by the alias that points to it."""

    name: str
    alias: str | None = CHAMPION
    version: int | None = None

    def __str__(self) -> str:
        return (
            f"{self.name}@{self.alias}" if self.version is None else f"{self.name}/{self.version}"
        )


def check_name(name: str, option: str = "--name") -> str:
    """A model's name that MLflow, a path and a URL can hold as it is."""
    return _checked(name, option, "name")


def check_alias(alias: str, option: str = "--alias") -> str:
    """An alias; no point in it, as MLflow takes none."""
    if "." in alias and _ALLOWED.fullmatch(alias):
        raise RegistryError(f"{option}: {_shown(alias)} is no alias (letters, digits, _ and -)")
    return _checked(alias, option, "alias")


def check_version(text: str, option: str = "--to") -> int:
    """A version's number, from 1."""
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise RegistryError(f"{option}: {_shown(text)} is no version (a whole number from 1)")
    return int(text)


def parse(text: str, option: str = "model") -> Reference:
    """What NAME, NAME@ALIAS or NAME/VERSION means, with models:/ before it or without."""
    bare = text.removeprefix(SCHEME)
    if "@" in bare:
        name, _, alias = bare.partition("@")
        return Reference(check_name(name, option), check_alias(alias, option))
    name, slash, version = bare.partition("/")
    if slash:
        return Reference(check_name(name, option), None, check_version(version, option))
    return Reference(check_name(name, option))


def is_reference(text: str) -> bool:
    """Whether a registered model is meant beyond doubt: no sweep and no folder is written so."""
    return text.startswith(SCHEME) or "@" in text


def _checked(text: str, option: str, what: str) -> str:
    if not _ALLOWED.fullmatch(text) or ".." in text:
        allowed = "letters, digits, _ . and -, a letter or digit first"
        raise RegistryError(f"{option}: {_shown(text)} is no {what} ({allowed})")
    if len(text) > LONGEST:
        message = f"{option}: {len(text)} characters are too many for a model's {what}"
        raise RegistryError(f"{message} (at most {LONGEST})")
    if text.lower() in RESERVED:
        raise RegistryError(f"{option}: '{text}' is reserved; give another {what}")
    if _VERSION.fullmatch(text):
        raise RegistryError(f"{option}: '{text}' reads like a version; give another {what}")
    return text


def _shown(text: str) -> str:
    """With control characters visible, cut to what one can take in."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
