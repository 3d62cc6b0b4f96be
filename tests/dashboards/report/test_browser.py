"""The report in headless Chromium, as a file and without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lanewise.dashboards.report.build import build
from lanewise.search.events import Failure
from lanewise.search.sweep import Run
from lanewise.search.view import open_view

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium, which is not installed"),
]

# Appended to a copy of the page: presses buttons as a person would, and writes down what it sees.
PROBE = """
<script>
addEventListener("load", () => setTimeout(() => {
  const boxes = [...document.querySelectorAll("[data-figure]")];
  const seen = {
    plots: boxes.length,
    drawn: boxes.filter((box) => box.querySelector(".cartesianlayer .subplot")).length,
    marks: document.querySelectorAll("[data-figure] .scatterlayer .trace").length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    buttons: [...document.querySelectorAll(".modebar-btn")].map((b) => b.dataset.title),
    ink: getComputedStyle(document.querySelector(".xtick text")).fill,
    paper: getComputedStyle(document.body).backgroundColor,
  };
  const rows = () => [...document.querySelectorAll("tbody tr")];
  const column = (i) => rows().map((row) => row.cells[i].textContent);
  const press = (i) => document.querySelectorAll("th button")[i].click();
  seen.first = column(0);
  press(0); seen.up = column(0);
  press(0); seen.down = column(0);
  press(2); press(2); seen.values = column(2);
  seen.sorted = [...document.querySelectorAll("th[aria-sort]")].map((h) => h.ariaSort);
  const out = document.createElement("output");
  out.id = "probe";
  out.textContent = JSON.stringify(seen);
  document.body.append(out);
}, 500));
</script>
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def page(lab, pages) -> Path:
    """The report of a sweep with stopped and failed trials, with the probe in it."""
    sweep = lab.begun(lab.spec(trials=12))
    for number in range(12):
        run = sweep.ask()
        assert isinstance(run, Run)
        if number == 5:
            sweep.fail(run.number, Failure("bug", "Traceback\n  <b>boom</b>"))
            continue
        until = 9 if number % 3 else 3
        curve = [(e, lab.curve(run.params, e)) for e in range(1, until + 1)]
        rows = [(e, m | {"train_loss": 1 / e, "val_loss": 1.2 / e}) for e, m in curve]
        for row in rows:
            if sweep.history.trials[run.number].is_open:
                sweep.report(run.number, [row])
    sweep.close("trials")
    lab.take(sweep)
    path = build(open_view(lab.journal, "s1"), lab.home, pages / "page.html")
    path.write_text(path.read_text("utf-8").replace("</body>", f"{PROBE}</body>"), "utf-8")
    return path


def browse(page: Path, folder: Path, *flags: str) -> tuple[dict, str]:
    """(what the probe saw, what the console said)."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=500,900"]
    command += [f"--user-data-dir={folder}", "--enable-logging=stderr", "--v=0", *flags]
    command += ["--virtual-time-budget=15000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    found = re.search(r'<output id="probe">(.*?)</output>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(found[1].replace("&amp;", "&")), console


@pytest.mark.parametrize("flags", [(), ("--blink-settings=preferredColorScheme=0",)])
def test_it_draws_sorts_and_stays_within_the_window(page, tmp_path, flags):
    seen, console = browse(page, tmp_path / "profile", *flags)
    assert console == ""
    assert seen["plots"] >= 8
    assert seen["drawn"] == seen["plots"]
    assert seen["marks"] > seen["plots"]
    assert seen["wide"] == 0
    assert {title for title in seen["buttons"] if title} <= {"Download plot as a PNG", "Reset axes"}
    numbers = [str(number) for number in range(12)]
    assert (seen["up"], seen["down"]) == (numbers, numbers[::-1])
    assert seen["values"][-1] == "–"  # what failed stays last
    assert seen["values"][0] == max(seen["values"][:-1], key=float)
    assert seen["sorted"] == ["descending"]
    dark = bool(flags)
    assert seen["paper"] == ("rgb(18, 22, 29)" if dark else "rgb(255, 255, 255)")
    assert seen["ink"] == ("rgb(230, 234, 241)" if dark else "rgb(28, 35, 48)")
