// Crops and their pictures, fetched before they are looked at.

import { ask, picture } from "./page.js";

/** Crops whose pictures are kept, beyond which the oldest are let go. */
const KEPT = 40;

/** Place → promise of {index, file, label, suggestion, url}; in the order in which they were last asked for. */
const crops = new Map();

/** A crop with its picture; `url` is empty where the picture can't be read. */
export function crop(index) {
  const known = crops.get(index) ?? fetchCrop(index);
  crops.delete(index);
  crops.set(index, known);
  known.catch(() => crops.delete(index));
  for (const [oldest, old] of crops) {
    if (crops.size <= KEPT) break;
    crops.delete(oldest);
    old.then(({ url }) => URL.revokeObjectURL(url), () => {});
  }
  return known;
}

async function fetchCrop(index) {
  const [listed, url] = await Promise.all([
    ask(`/api/crops?start=${index}&count=1`),
    picture(`/api/crops/${index}.png`).catch(() => ""),
  ]);
  return { ...listed.crops[0], url };
}

/** Note the label that a crop has now. */
export async function relabel(index, label) {
  if (crops.has(index)) (await crops.get(index)).label = label;
}

/** Show a picture in an <img>: small ones pixel by pixel, as the network sees them. */
export function show(image, url, text) {
  image.alt = text;
  image.classList.toggle("pixels", false);
  image.onload = () => image.classList.toggle("pixels", image.naturalWidth <= 96);
  image.src = url;
}
