"""Whether the file of a person's own code is still what it was when a sweep was launched."""

from __future__ import annotations

from lanewise.search.core.events import Launched
from lanewise.trainables.user_code.source import source_of


def digests(launch: Launched) -> tuple[str, str] | None:
    """(then, now), of which now is "gone" where there is no file; None for no code of their own."""
    before = (launch.details.get("code") or {}).get("sha256")
    if before is None:
        return None
    now = source_of(str(launch.details.get("model") or ""), launch.details["base"])
    return before, now.digest if now else "gone"


def change_of_code(launch: Launched) -> str:
    """What has changed, in a sentence; "" for nothing, or where no file is to be found."""
    before, now = digests(launch) or ("", "")
    if now in (before, "gone"):
        return ""
    return f"{launch.details['code']['file']} has changed since {launch.name} was launched"
