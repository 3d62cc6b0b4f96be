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
    automargin: true,
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

function draw() {
  for (const box of document.querySelectorAll("[data-figure]")) {
    const figure = figures[box.dataset.figure];
    Plotly.react(box, figure.data, themed(figure.layout), config);
  }
}

draw();
dark.addEventListener("change", draw);

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
