// The magnifier: what is around a corner while it moves.

import { byId } from "./page.js";

/** Pixels of the picture on each side of the corner, at least; more where the picture is large. */
const REACH = 9;

/** Show the surroundings of a corner, on the side of the stage that is away from it. `image` is the picture. */
export function showGlass(image, [x, y], corners, isLeft) {
  const glass = byId("glass");
  const side = glass.width;
  const reach = Math.max(REACH, image.naturalWidth / 90);
  const scale = side / (2 * reach);
  const ink = glass.getContext("2d");
  ink.imageSmoothingEnabled = false;
  ink.fillStyle = "#000";
  ink.fillRect(0, 0, side, side);
  ink.drawImage(image, x - reach, y - reach, 2 * reach, 2 * reach, 0, 0, side, side);
  for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
    ink.strokeStyle = colour;
    ink.lineWidth = width;
    ink.beginPath();
    corners.forEach(([px, py]) => ink.lineTo((px - x + reach) * scale, (py - y + reach) * scale));
    ink.closePath();
    ink.stroke();
  }
  glass.classList.toggle("right", isLeft);
  glass.hidden = false;
}

export function hideGlass() {
  byId("glass").hidden = true;
}
