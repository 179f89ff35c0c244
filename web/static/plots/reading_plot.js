// A reading over time as a line, with a mark where its readings weren't simply good.

import { colour, draw, make } from "./plot.js";

/** States that are marked, worst first, with their colours and what they are called. */
const MARKS = [
  ["uncertain", "--bad"],
  ["reset", "--hue-4"],
  ["corrected", "--warn"],
];

function build({ points, unit, name }) {
  if (!points.length) return null;
  const times = points.map(({ start }) => start);
  const values = points.map(({ value }) => value);
  // A stretch without a value has its mark where the line was last.
  const heights = values.map((value, index) => value ?? values.slice(0, index).findLast((each) => each !== null) ?? values.find((each) => each !== null) ?? 0);
  const marks = MARKS.map(([state]) => points.map(({ states }, index) => (states[state] ? heights[index] : null)));
  const count = (state) => points.reduce((sum, { states }) => sum + (states[state] ?? 0), 0);
  return {
    data: [times, values, ...marks],
    series: [
      { stroke: colour("--accent"), width: 2, spanGaps: true, points: { show: false } },
      ...MARKS.map(([, hue]) => ({ stroke: colour(hue), width: 0, points: { show: true, size: 7, fill: colour(hue), stroke: colour("--card"), width: 1 } })),
    ],
    range: (_, low, high) => (low === high ? [low - 1, high + 1] : [low - (high - low) * 0.08, high + (high - low) * 0.08]),
    legend: [["good", "--accent"], ...MARKS].map(([state]) => legendOf(state, count(state))),
    summary: `${name} from ${values.find((each) => each !== null)} to ${values.findLast((each) => each !== null)} ${unit}. The table below has the readings one by one.`,
    describe: (index) => `${values[index] ?? "?"} ${unit} · ${Object.entries(points[index].states).map(([state, number]) => `${number} ${state}`).join(", ")}`,
  };
}

function legendOf(state, total) {
  const entry = make("span", "label");
  entry.append(make("span", `swatch swatch-${state}`), make("span", "label-text", state), make("span", "num", total.toLocaleString()));
  return entry;
}

draw(document.getElementById("plot"), build);
