// Labelling: one crop at a time, or a grid of them; by keyboard, mouse or touch.

import { ask, askLast, byId, complain, make, showEnd, tell } from "./page.js";
import { crop, relabel, show } from "./label_crops.js";
import { focused, prepareGrid, relabelCard, showGrid } from "./label_grid.js";

let labels = [];
let total = 0;
let current = 0;
let suggested = null;

// Keys come faster than answers. Each waits for the one before it, and is about the crop that is shown then.
let queue = Promise.resolve();
function then(action) {
  queue = queue.then(action).catch(complain);
}

const inGrid = () => !byId("many").hidden;

async function start() {
  const state = await ask("/api/labelling");
  ({ labels } = state);
  total = state.total;
  byId("folder").textContent = byId("folder").title = state.folder;
  byId("keys").append(...labels.map(labelButton));
  prepareGrid(labels, (index) => then(() => toOne(index)));
  progress(state);
  await look(state.next ?? 0);
  if (state.next === null) tell("All crops have a label. Look through them, or press Done.");
}

function labelButton({ label, key }) {
  const wide = label.length > 4 ? "wide" : "";
  const children = key && key !== label ? [make("kbd", {}, key), label] : [label];
  const onclick = () => then(() => answer(label));
  return make("button", { type: "button", class: wide, "data-label": label, onclick }, ...children);
}

function progress({ done, total: all }) {
  byId("progress").max = all;
  byId("progress").value = done;
  byId("count").textContent = `${done.toLocaleString("en")} of ${all.toLocaleString("en")}`;
}

/** Show a crop, and fetch those that are likely to be next. */
async function look(index) {
  current = index;
  const shown = await crop(index);
  show(byId("crop"), shown.url, shown.url ? `The crop ${shown.file}` : `${shown.file} can't be read as a picture`);
  byId("name").textContent = `${shown.file} · ${(index + 1).toLocaleString("en")} of ${total.toLocaleString("en")}`;
  byId("label").hidden = !shown.label;
  byId("label").textContent = shown.label ?? "";
  byId("clear").disabled = !shown.label;
  showSuggestion(shown.suggestion);
  for (const button of byId("keys").children) {
    button.setAttribute("aria-pressed", button.dataset.label === shown.label);
    button.classList.toggle("suggested", button.dataset.label === suggested);
  }
  for (let ahead = 1; ahead <= 4 && index + ahead < total; ahead++) crop(index + ahead).catch(() => {});
}

function showSuggestion(suggestion) {
  suggested = suggestion?.label ?? null;
  byId("suggestion").hidden = suggested === null;
  if (suggested === null) return;
  const share = `${Math.floor(100 * suggestion.probability)} %`;
  byId("suggestion").replaceChildren(make("kbd", {}, "Space"), ` The model says ${suggested} (${share})`);
}

/** Label the crop that is shown, or has the focus in the grid; null takes its label away. */
async function answer(label) {
  const index = inGrid() ? focused() : current;
  if (index === null) return;
  const state = await ask("/api/answers", { index, label });
  progress(state);
  await relabel(index, label);
  const { file } = await crop(index);
  tell(label === null ? `${file} has no label any more.` : `${file}: ${label}`);
  if (inGrid()) relabelCard(index, label);
  else if (label === null) await look(index);
  else await look(state.next ?? index);
  if (state.next === null && label !== null) tell("All crops have a label. Look through them, or press Done.");
}

async function undo() {
  const state = await ask("/api/undo", {});
  if (state.index === null) return tell("There is nothing more to undo.");
  progress(state);
  await relabel(state.index, state.label);
  tell("The last answer is taken back.");
  if (inGrid()) relabelCard(state.index, state.label);
  else await look(state.index);
}

async function move(steps) {
  if (!inGrid()) return look(Math.min(Math.max(current + steps, 0), total - 1));
  const cards = [...byId("grid").children];
  const place = cards.indexOf(document.activeElement?.closest("#grid button"));
  cards[Math.min(Math.max(place + steps, 0), cards.length - 1)]?.focus();
}

async function toOne(index) {
  setView(false);
  await look(index);
}

async function toGrid() {
  setView(true);
  await showGrid();
  byId("grid").firstElementChild?.focus();
}

function setView(grid) {
  byId("many").hidden = !grid;
  byId("one").hidden = grid;
  byId("view").setAttribute("aria-pressed", grid);
}

async function end() {
  await askLast("/api/end", {}, () => true);
  showEnd("Done", `${byId("count").textContent} crops have a label, in labels.csv. This page can be closed.`);
}

const KEYS = {
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
  Home: () => move(-total),
  End: () => move(total),
  Backspace: undo,
  Delete: () => answer(null),
  Escape: () => (inGrid() ? toOne(focused() ?? current) : toGrid()),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  const label = labels.find(({ key }) => key === event.key.toLowerCase())?.label;
  const accepts = event.key === " " && suggested !== null && !inGrid();
  const action = label !== undefined ? () => answer(label) : accepts ? () => answer(suggested) : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  then(action);
}

document.addEventListener("keydown", onKey);
byId("before").addEventListener("click", () => then(() => move(-1)));
byId("after").addEventListener("click", () => then(() => move(1)));
byId("undo").addEventListener("click", () => then(undo));
byId("clear").addEventListener("click", () => then(() => answer(null)));
byId("suggestion").addEventListener("click", () => then(() => answer(suggested)));
byId("view").addEventListener("click", () => then(() => (inGrid() ? toOne(current) : toGrid())));
byId("done").addEventListener("click", () => then(end));
then(start);
