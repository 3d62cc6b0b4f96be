"""Takes the top of the newest sweep's report: python docs/pictures/report.py HOME [CHROMIUM]."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from lanewise.dashboards.report.build import build
from lanewise.search.store.home import Home
from lanewise.search.store.view import find, open_view

SHOWN = Home(Path("/home/ada/digits/.lanewise"))  # in the commands, so that no machine is named
SIZE = "1200,1000"


def main() -> None:
    journal = Home.find(sys.argv[1]).journal()
    chromium = sys.argv[2] if len(sys.argv) > 2 else "chromium"
    with tempfile.TemporaryDirectory() as folder:
        page = build(open_view(journal, find(journal, None)), SHOWN, Path(folder) / "report.html")
        picture = Path(__file__).with_suffix(".png")
        command = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars"]
        command += ["--virtual-time-budget=20000", f"--window-size={SIZE}"]
        subprocess.run([*command, f"--screenshot={picture}", page.as_uri()], check=True)


if __name__ == "__main__":
    main()
