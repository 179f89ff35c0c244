// What plots share: their data, their size, zoom by dragging, and a line that says what is under the pointer.

import uPlot from "../uplot/uPlot.esm.js";
import { show } from "../live.js";
import { clock, day, minute } from "../times.js";

const HEIGHT = 260;
/** At most so many stretches are asked for: one for each few pixels. */
const PIXELS_PER_POINT = 6;
/** Seconds below which a zoom goes no further. */
const NARROWEST = 2;

/** A colour of the style sheets. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** An element with a class and a text. */
export function make(tag, name, text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

/** The times of an axis: of days their date, else the time of day, with the date where a day begins. */
function times(_, splits, __, ___, step) {
  let before = "";
  return splits.map((at) => {
    const when = new Date(at * 1000);
    const date = day(when);
    const first = date !== before;
    before = date;
    if (step >= 86400) return date;
    return first ? `${minute(when)}\n${date}` : minute(when);
  });
}

/**
 * Draw a plot in an element, again whenever its data, its colours or its size change.
 *
 * `build(data, host)` gives uPlot's `series`, `data` and `hooks`, the `legend`'s elements, `describe(index)` for the line
 * under the plot, and a `summary` for those who don't see it; or null where there is nothing to draw.
 */
export function draw(host, build) {
  let plot, last, built;
  let isDragging = false;
  const box = make("div", "plot-box");
  const legend = make("div", "plot-legend");
  const under = make("p", "plot-at");
  host.replaceChildren(box, legend, under);
  box.setAttribute("role", "img");

  async function load() {
    const width = host.clientWidth;
    const address = new URL(host.dataset.url, location.href);
    address.searchParams.set("points", Math.max(40, Math.floor(width / PIXELS_PER_POINT)));
    let response;
    try {
      response = await fetch(address);
    } catch {
      return; // the connection's state is shown, and the plot stays as it was
    }
    if (!response.ok) return (under.textContent = "The plot had no answer. Open the page again.");
    last = await response.json();
    if (!isDragging) paint();
  }

  function paint() {
    plot?.destroy();
    plot = null;
    built = build(last, host);
    legend.replaceChildren(...(built?.legend ?? []));
    under.textContent = built ? "Drag over the plot to zoom." : "Nothing in this stretch of time.";
    box.setAttribute("aria-label", built?.summary ?? "Nothing in this stretch of time.");
    if (built) plot = new uPlot(options(), built.data, box);
  }

  function options() {
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const scaleX = { time: true, range: () => [Number(host.dataset.start), Number(host.dataset.end)] };
    return {
      width: host.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: { x: scaleX, y: { range: built.range } },
      axes: [{ ...axis, grid: { show: false }, space: 70, values: times }, { ...axis, size: 56, values: (_, values) => values.map((value) => value.toLocaleString()) }],
      series: [{}, ...built.series],
      bands: built.bands,
      hooks: { setSelect: [zoom], setCursor: [point], ...built.hooks },
    };
  }

  function point({ cursor }) {
    const { idx } = cursor;
    under.textContent = idx == null ? "Drag over the plot to zoom." : `${clock(new Date(built.data[0][idx] * 1000))}: ${built.describe(idx)}`;
  }

  function zoom(drawn) {
    const { left, width } = drawn.select;
    if (width < 4) return;
    const start = drawn.posToVal(left, "x");
    const end = Math.max(start + NARROWEST, drawn.posToVal(left + width, "x"));
    const address = new URL(location.href);
    for (const name of ["range", "cursor"]) address.searchParams.delete(name);
    address.searchParams.set("from", new Date(start * 1000).toISOString());
    address.searchParams.set("to", new Date(end * 1000).toISOString());
    drawn.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    show(address).catch(() => {});
  }

  box.addEventListener("pointerdown", () => (isDragging = true));
  addEventListener("pointerup", () => (isDragging = false));
  document.addEventListener("refreshed", load);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => last && paint());
  new ResizeObserver(() => plot && plot.setSize({ width: host.clientWidth, height: HEIGHT })).observe(host);
  load();
}
