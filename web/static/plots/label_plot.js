// How many frames got each label, as bars one on the other.

import uPlot from "../uplot/uPlot.esm.js";
import { colour, draw, make } from "./plot.js";

/** So many colours are there for labels. */
const HUES = 12;
/** Further labels are one. */
const LARGEST = 16;
const OTHERS = "others";

/** The colour of a label: by its place among the labels of the plan, as elsewhere on the page. */
function hue(label, known) {
  const place = known.indexOf(label);
  return place < 0 ? "none" : String(place % HUES);
}

function build({ seconds, labels, buckets }, host) {
  if (!buckets.length) return null;
  const known = JSON.parse(host.dataset.labels);
  const shown = labels.length > LARGEST ? [...labels.slice(0, LARGEST - 1), OTHERS] : labels;
  const few = new Set(shown);
  const counts = buckets.map(({ counts: given }) => {
    const found = new Map();
    for (const [label, count] of Object.entries(given)) {
      const name = few.has(label) ? label : OTHERS;
      found.set(name, (found.get(name) ?? 0) + count);
    }
    return found;
  });
  const times = buckets.map(({ start }) => start + seconds / 2);
  // Bars hide each other: the highest, the sum of all, is drawn first.
  const sums = shown.map((_, last) => counts.map((found) => shown.slice(0, last + 1).reduce((sum, label) => sum + (found.get(label) ?? 0), 0)));
  const totals = shown.map((label) => counts.reduce((sum, found) => sum + (found.get(label) ?? 0), 0));
  const width = (plot) => Math.max(1, plot.valToPos(times[0] + seconds * 0.86, "x", true) - plot.valToPos(times[0], "x", true));
  const bars = (plot, index, first, last) => barsOf(width(plot))(plot, index, first, last);
  const series = shown.map((label) => ({ fill: colourOf(hue(label, known)), width: 0, paths: bars, points: { show: false } }));
  return {
    data: [times, ...sums.toReversed()],
    series: series.toReversed(),
    range: (_, __, top) => [0, Math.max(1, top * 1.05)],
    legend: shown.map((label, index) => legendOf(label, totals[index], hue(label, known))),
    summary: `Labels over time: ${shown.map((label, index) => `${label} ${totals[index]}`).join(", ")}. The table below has them one by one.`,
    describe: (index) => shown.filter((label) => counts[index].get(label)).map((label) => `${label} ${counts[index].get(label)}`).join(", "),
  };
}

/** Bars of a width in pixels. */
function barsOf(width) {
  return uPlot.paths.bars({ size: [1, width, 1], align: 0 });
}

function colourOf(place) {
  return colour(place === "none" ? "--soft" : `--hue-${place}`);
}

function legendOf(label, total, place) {
  const entry = make("span", `label hue-${place}`);
  const text = make("span", "label-text", label);
  text.dir = "auto";
  text.title = label;
  entry.append(make("span", "swatch"), text, make("span", "num", total.toLocaleString()));
  return entry;
}

draw(document.getElementById("plot"), build);
