"""``python -m lanewise.cluster.serving [FOLDER]``: serves an exported model, without Lanewise.

Exit codes as of ``lanewise serve``: 0 ended by a signal, 2 a wrong option, 4 no model, no address.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lanewise.cluster.serving.access import read_token
from lanewise.cluster.serving.errors import ServingError, UsageError
from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.server import HOST, PORT, Address, serve
from lanewise.cluster.serving.source import Folder
from lanewise.search.plain import say
from lanewise.trainables.errors import CheckpointError


def main(arguments: Sequence[str], folder: Path = Path()) -> int:
    """Runs the server; returns the exit code.

    Args:
        folder: of the model, where the arguments name none.
    """
    parser = argparse.ArgumentParser("serve", description="Serve an exported model over HTTP.")
    parser.add_argument("folder", nargs="?", type=Path, default=folder, help="of the model")
    parser.add_argument("--host", default=HOST, help=f"another needs a token [{HOST}]")
    parser.add_argument("--port", type=int, default=PORT, help=f"0 for a free one [{PORT}]")
    parser.add_argument("--max-rows", type=int, default=Limits.rows, help="in a request")
    parser.add_argument("--max-bytes", type=int, default=Limits.bytes, help="of a request")
    parser.add_argument("--token-file", type=Path, help="[the variable LANEWISE_TOKEN]")
    asked = parser.parse_args(arguments)
    try:
        token = read_token(asked.token_file)
        limits = Limits.checked(asked.max_bytes, asked.max_rows)
        serve(Folder(asked.folder), Address.checked(asked.host, asked.port), limits, token)
    except UsageError as error:
        say(f"lanewise: {error}")
        return 2
    except (ServingError, CheckpointError) as error:
        say(f"lanewise: {error}")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
