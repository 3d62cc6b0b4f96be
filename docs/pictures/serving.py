"""Takes a server's page: python docs/pictures/serving.py URL [CHROMIUM]."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIZE = "1100,1000"


def main() -> None:
    chromium = sys.argv[2] if len(sys.argv) > 2 else "chromium"
    picture = Path(__file__).with_suffix(".png")
    command = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars"]
    command += ["--virtual-time-budget=4000", f"--window-size={SIZE}"]
    subprocess.run([*command, f"--screenshot={picture}", f"{sys.argv[1]}/docs"], check=True)


if __name__ == "__main__":
    main()
