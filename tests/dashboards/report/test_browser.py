"""The report in headless Chromium, as a file and without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from lanewise.dashboards.report.build import build
from lanewise.search.core.events import Failure
from lanewise.search.core.sweep import Run
from lanewise.search.store.view import open_view

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
addEventListener("load", () => setTimeout(async () => {
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
  const links = [...document.querySelectorAll("nav a")];
  seen.links = links.length;
  seen.lost = links.filter((a) => !document.getElementById(a.hash.slice(1))).length;
  seen.headings = [...document.querySelectorAll("h1, h2, h3")].map((h) => Number(h.tagName[1]));
  seen.nameless = [...document.querySelectorAll("button, [role=img], [role=region]")].filter(
    (e) => !(e.ariaLabel || e.textContent.trim() || e.getAttribute("aria-labelledby"))
  ).length;
  const copies = [...document.querySelectorAll("button.copy")];
  seen.copies = copies.map((b) => [b.hidden, b.tabIndex, b.ariaLabel]);
  seen.copied = [];
  let refuses = false;
  Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => {
    if (refuses) throw new Error("not allowed");
    seen.copied.push(text);
  } } });
  document.execCommand = () => false;
  for (const button of copies) button.click();
  await new Promise((done) => setTimeout(done, 50));
  seen.said = [copies.at(-1).textContent, document.getElementById("said").textContent];
  refuses = true;
  const taking = copies.find((b) => b.dataset.copy === "taking");
  taking.click();
  await new Promise((done) => setTimeout(done, 50));
  seen.refused = [taking.textContent, getSelection().toString()];
  dispatchEvent(new Event("beforeprint"));
  seen.printed = {
    paper: getComputedStyle(document.body).backgroundColor,
    widths: boxes.map((box) => box.querySelector(".main-svg").clientWidth),
    folded: document.querySelectorAll("details:not([open])").length,
  };
  dispatchEvent(new Event("afterprint"));
  seen.unfolded = document.querySelectorAll("details[open]").length;
  const out = document.createElement("output");
  out.id = "probe";
  out.textContent = JSON.stringify(seen);
  document.body.append(out);
}, 2000));
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
    check_reading_and_copying(seen, page)
    assert seen["printed"]["paper"] == "rgb(255, 255, 255)"
    assert max(seen["printed"]["widths"]) <= 680
    assert (seen["printed"]["folded"], seen["unfolded"]) == (0, 0)
    dark = bool(flags)
    assert seen["paper"] == ("rgb(18, 22, 29)" if dark else "rgb(255, 255, 255)")
    assert seen["ink"] == ("rgb(230, 234, 241)" if dark else "rgb(28, 35, 48)")


def check_reading_and_copying(seen: dict, page: Path) -> None:
    """What a keyboard and a screen reader need: names, an order of headings, buttons that copy."""
    assert (seen["links"] > 10, seen["lost"], seen["nameless"]) == (True, 0, 0)
    levels = seen["headings"]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(not hidden and tab == 0 and label for hidden, tab, label in seen["copies"])
    config, *texts = seen["copied"]
    assert json.loads(config).keys() == {"lr", "hidden", "optimizer", "batch_size"}
    assert texts[0].startswith("lanewise best s1 --out best.yaml --home ")
    assert "name: digits" in texts
    assert seen["said"] == ["Copied", "Copied"]
    assert seen["refused"] == ["Press Ctrl+C", texts[0]]
