// The grid: crops by the page, those of one label or all.

import { ask, byId, complain, make, picture } from "./page.js";
import { show } from "./label_crops.js";

const PAGE = 48;
let start = 0;
let total = 0;
let urls = [];

/** Fill the filter, and call `open(index)` when a crop is chosen. */
export function prepareGrid(labels, open) {
  const only = byId("only");
  only.append(make("option", { value: "all" }, "all crops"), make("option", { value: "=" }, "without a label"));
  for (const { label } of labels) only.append(make("option", { value: `=${label}` }, `labelled ${label}`));
  only.addEventListener("change", () => showGrid(0).catch(complain));
  byId("former").addEventListener("click", () => showGrid(Math.max(0, start - PAGE)).catch(complain));
  byId("later").addEventListener("click", () => showGrid(start + PAGE).catch(complain));
  byId("grid").addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (chosen) open(Number(chosen.dataset.index));
  });
}

/** Show a page of the grid, from a place among the crops that the filter leaves. */
export async function showGrid(from = start) {
  const only = byId("only").value;
  const filter = only === "all" ? "" : `&only=${encodeURIComponent(only.slice(1))}`;
  const listed = await ask(`/api/crops?start=${from}&count=${PAGE}${filter}`);
  if (!listed.crops.length && from > 0) return showGrid(Math.max(0, from - PAGE));
  start = from;
  total = listed.total;
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  byId("grid").replaceChildren(...listed.crops.map(card));
  byId("range").textContent = total ? `${start + 1}–${start + listed.crops.length} of ${total.toLocaleString("en")}` : "none";
  byId("former").disabled = start === 0;
  byId("later").disabled = start + PAGE >= total;
}

function card({ index, file, label }) {
  const image = make("img");
  const made = make("button", { type: "button", "data-index": index }, image, make("span", { class: "name" }, file));
  mark(made, file, label);
  picture(`/api/crops/${index}.png`).then(
    (url) => {
      urls.push(url);
      show(image, url, "");
    },
    () => made.classList.add("unreadable"),
  );
  return made;
}

function mark(card, file, label) {
  card.querySelector(".chip")?.remove();
  if (label) card.append(make("span", { class: "chip" }, label));
  card.setAttribute("aria-label", label ? `${file}, labelled ${label}` : `${file}, without a label`);
}

/** The place of the crop in the grid that has the focus; null where none has. */
export function focused() {
  const card = document.activeElement?.closest("#grid button");
  return card ? Number(card.dataset.index) : null;
}

/** Mark a crop's new label in the grid, and move the focus on if it is there. */
export function relabelCard(index, label) {
  const card = byId("grid").querySelector(`[data-index="${index}"]`);
  if (!card) return;
  mark(card, card.querySelector(".name").textContent, label);
  if (document.activeElement === card) (card.nextElementSibling ?? card).focus();
}
