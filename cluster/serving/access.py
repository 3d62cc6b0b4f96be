"""Who may ask: this machine alone, or whoever has the token."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

from lanewise.cluster.serving.errors import RequestError, UsageError

VARIABLE = "LANEWISE_TOKEN"
SHORTEST = 16  # characters of a token

Headers = Iterable[tuple[bytes, bytes]]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(file: Path | None) -> str | None:
    """From a file, else from LANEWISE_TOKEN; None where neither is given.

    Raises:
        UsageError: the file is not to be read, or the token is no good one.
    """
    if file is not None:
        try:
            token, where = file.read_text(encoding="utf-8").strip(), str(file)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "no text"
            raise UsageError(f"--token-file: {file}: {why}") from None
    else:
        token, where = os.environ.get(VARIABLE, "").strip(), VARIABLE
        if not token:
            return None
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        allowed = f"at least {SHORTEST} printable characters of ASCII without blanks"
        raise UsageError(f"{where}: a token has {allowed}")
    return token


class Access:
    """Checks the headers of each request.

    With a token whoever has it is let in. Without one the server listens on the loopback address,
    and a request must name it, too: else a page from elsewhere could make a browser of this machine
    ask in its name (DNS rebinding).
    """

    def __init__(self, token: str | None) -> None:
        self._expected = None if token is None else token.encode()

    def check(self, headers: Headers) -> None:
        """
        Raises:
            RequestError: 401 or 403.
        """
        if self._expected is None:
            host = next((value for name, value in headers if name == b"host"), b"")
            if not is_loopback(_name_of(host.decode("latin-1"))):
                raise RequestError(403, "the header Host names another machine than this one")
            return
        given = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._expected):
            raise RequestError(401, "send the header Authorization: Bearer TOKEN")


def _name_of(host: str) -> str:
    """Of "127.0.0.1:8000", "[::1]:8000" or "localhost" what stands before the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
