"""Serves a registered model, asks it for one row over HTTP, and stops the server.

lanewise run examples/demo.yaml
lanewise promote demo --name digits
python examples/ask.py digits@champion
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen


def main(arguments: list[str]) -> None:
    lanewise = str(Path(sys.executable).with_name("lanewise"))
    command = [lanewise, "serve", *arguments, "--port", "0"]  # a free one
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            print(json.dumps(ask(address(server)), indent=1))
        finally:
            server.terminate()


def address(server: subprocess.Popen[str]) -> str:
    """Where it serves, which is what it says first."""
    assert server.stderr is not None
    for line in server.stderr:
        if match := re.search(r"http://\S+", line):
            return match[0]
        print(line, end="", file=sys.stderr)
    raise SystemExit(server.wait())


def ask(url: str) -> object:
    """The answer to a row of each column's example."""
    with urlopen(f"{url}/metadata") as answer:
        columns = json.load(answer)["columns"]
    row = {column["name"]: column["example"] for column in columns}
    body = json.dumps({"rows": [row]}).encode()
    request = Request(f"{url}/predict", body, {"content-type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main(sys.argv[1:])
