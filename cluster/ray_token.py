"""The token that keeps strangers out of a local Ray: in a file that its owner alone can read.

Ray makes the file as the process's umask has it, so mostly for everybody's eyes. Made here first,
it is never anybody else's, not for a moment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from lanewise.cluster.errors import ClusterError

TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"  # read by Ray, in this order
_OTHERS = 0o077  # what may be done by all but the owner
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, to open a pipe that somebody has put there would wait for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def token_path() -> Path:
    """Where Ray looks for the token, unless the environment holds it."""
    given = os.environ.get(TOKEN_PATH)
    return Path(given) if given else Path.home() / ".ray" / "auth_token"


def keep_token(*, create: bool) -> None:
    """Makes Ray's own token file, or takes it from the eyes of others. No link is followed.

    A token or a file named in the environment is its owner's business.

    Args:
        create: where there is none, make one (for a cluster of our own).

    Raises:
        ClusterError: it belongs to another user, is a link, or cannot be written.
    """
    if os.environ.get(TOKEN) or os.environ.get(TOKEN_PATH):
        return
    path = token_path()
    try:
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not os.path.lexists(path):
            return
        with _opened(path.parent, _FOLDER) as folder:
            _take_from_others(folder, path.parent)
            if create and path.name not in os.listdir(folder):
                _write(folder, path.name)
            with _opened(Path(path.name), _FILE, folder) as file:
                _take_from_others(file, path)
    except OSError as error:
        is_link = path.is_symlink() or path.parent.is_symlink()
        reason = "it or its folder is a link, which is not followed" if is_link else error
        raise ClusterError(
            f"ray: {path}, the token that keeps others out: {reason} (or give a token in "
            f"{TOKEN}, or its file in {TOKEN_PATH})"
        ) from None


def readable_by_others(path: Path) -> bool:
    """Whether another user of this machine may read or change the file."""
    return bool(path.stat().st_mode & _OTHERS)


@contextlib.contextmanager
def _opened(path: Path, flags: int, folder: int | None = None) -> Iterator[int]:
    handle = os.open(path, flags, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)


def _write(folder: int, name: str) -> None:
    """Of several that start at once, one writes it, and nobody finds half of it."""
    token = secrets.token_hex(32)
    draft = f".{name}.{token[:16]}"
    handle = os.open(draft, _NEW, 0o600, dir_fd=folder)
    with open(handle, "w", encoding="ascii") as file:
        file.write(token)
        file.flush()
        os.fsync(handle)
    try:
        os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    os.unlink(draft, dir_fd=folder)


def _take_from_others(handle: int, path: Path) -> None:
    found = os.fstat(handle)
    # Root may work in the home of whoever called for it, as in a container or by sudo.
    if found.st_uid not in (os.geteuid(), Path.home().stat().st_uid):
        raise PermissionError(errno.EPERM, f"{path} belongs to another user")
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise OSError(errno.EINVAL, f"{path} is no file")
    if found.st_mode & _OTHERS:
        os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~_OTHERS)
