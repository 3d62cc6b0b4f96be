"""A user's mistakes in the sweep file or on the command line, and the exit codes of all errors."""

from __future__ import annotations

import errno


class SweepFileError(ValueError):
    """One line: ``file: key.path: what is wrong (what is allowed)``."""


class NoModelError(LookupError):
    """A sweep, or a trial of it, has no model to load."""


# What a system says of its storage where it gives none, or no more: no mistake of ours.
STORAGE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE),
        *(errno.EIO, errno.ESTALE, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),
    }
)

# Exit codes, documented in README.
DONE, BAD_INPUT, NO_BEST, NO_SERVICE, INTERRUPTED = 0, 2, 3, 4, 130
