"use strict";

// -- plots: drawn in the page's own colours, and again when those change

const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const coarse = matchMedia("(pointer: coarse)").matches; // a finger on a plot scrolls the page
const config = {
  responsive: true,
  scrollZoom: false,
  displaylogo: false,
  displayModeBar: coarse ? false : "hover",
  modeBarButtons: [["toImage", "resetScale2d"]],
  showSendToCloud: false, // Plotly's own default offers to upload the data
  plotlyServerURL: "",
};

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line"),
    automargin: true, exponentformat: "power",
  };
  const copy = {
    ...layout,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--ink"), size: 12 },
    hoverlabel: { bgcolor: colour("--panel"), font: { color: colour("--ink") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--ink") },
    dragmode: coarse ? false : "zoom",
  };
  for (const key of ["xaxis", "yaxis"]) copy[key] = { ...axis, ...layout[key] };
  return JSON.parse(JSON.stringify(copy).replace(/var\((--\w+)\)/g, (_, name) => colour(name)));
}

const boxes = [...document.querySelectorAll("[data-figure]")];

function plot(box, size = {}) {
  const figure = figures[box.dataset.figure];
  return Plotly.react(box, figure.data, { ...themed(figure.layout), ...size }, config);
}

// One after the other: the page can be read and scrolled meanwhile.
function draw(rest = boxes) {
  if (!rest.length) return;
  plot(rest[0]);
  setTimeout(draw, 0, rest.slice(1));
}

draw();
dark.addEventListener("change", () => draw());

// -- on paper: plots as wide as the page and in its colours, texts unfolded

const folded = [...document.querySelectorAll("details")];
let opened = [];

addEventListener("beforeprint", () => {
  document.documentElement.classList.add("print");
  opened = folded.filter((box) => !box.open);
  for (const box of opened) box.open = true;
  for (const box of boxes) {
    const inGrid = box.closest(".grid") !== null;
    plot(box, { autosize: false, width: inGrid ? 330 : 680, height: box.clientHeight });
  }
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("print");
  for (const box of opened) box.open = false;
  draw();
});

// -- copying: a button takes what stands in its block, or what it carries

const said = document.getElementById("said");

async function copy(text) {
  if (navigator.clipboard) {
    try {
      return await navigator.clipboard.writeText(text).then(() => true);
    } catch { /* not allowed for this page: the older way */ }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

for (const button of document.querySelectorAll("button.copy")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const block = document.getElementById(button.dataset.copy);
    const done = await copy(button.dataset.text ?? block.textContent);
    button.focus();
    if (!done && block) getSelection().selectAllChildren(block);
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    said.textContent = done ? "Copied" : "The browser does not copy; the text is selected";
    setTimeout(() => { button.textContent = label; said.textContent = ""; }, 2000);
  });
}

// -- the table: a column's button sorts its rows, and turns the order when pressed again

const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("th")];

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
}

function compare(a, b) {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
  return typeof a === "number" ? -1 : 1;
}

function sort(column) {
  const down = heads[column].getAttribute("aria-sort") === "ascending";
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const keyed = [...body.rows].map((row) => [key(row, column), row]);
  // What has no number stays last, whichever way the numbers go.
  keyed.sort(([a], [b]) => (down && typeof a === typeof b ? compare(b, a) : compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
}

heads.forEach((head, column) => {
  head.firstElementChild.addEventListener("click", () => sort(column));
});
