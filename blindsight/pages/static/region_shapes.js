// Rows and regions on the picture: four corners each, moved by mouse, touch and keyboard.

import { boxAround, isProper, rowAround, shortestSide, within } from "./region_geometry.js";
import { hideGlass, showGlass } from "./region_glass.js";

const SVG = "http://www.w3.org/2000/svg";
const CORNERS = ["top left", "top right", "bottom right", "bottom left"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** Screen pixels: the radius of a corner, that of where a finger catches it, and how far a row's outline is outside. */
const [DOT, CATCH, OUTSIDE] = [7, 22, 12];

/** A new element of an SVG picture. */
export function draw(tag, parent, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

/** Call `each` for the moves of a pointer until it is let go, and then `last`. */
export function follow(event, target, each, last = () => {}) {
  const end = () => {
    target.removeEventListener("pointermove", each);
    target.removeEventListener("pointerup", end);
    target.removeEventListener("pointercancel", end);
    last();
  };
  target.setPointerCapture(event.pointerId);
  target.addEventListener("pointermove", each);
  target.addEventListener("pointerup", end);
  target.addEventListener("pointercancel", end);
}

/**
 * Four corners with a handle each. A row and a region say where theirs are (`corners`), where they are shown (`shown`),
 * what is written beside them (`write`), and what a change of them means (`move`).
 */
class Shape {
  constructor(stage, kind, key, name) {
    this.stage = stage;
    this.group = draw("g", stage.layer, { class: kind, "data-key": key });
    this.outline = draw("polygon", this.group, { tabindex: 0, role: "button" });
    this.text = draw("text", this.group, { "aria-hidden": "true" });
    this.handles = CORNERS.map((corner) => {
      const handle = draw("g", this.group, { class: "corner", tabindex: 0, role: "button" });
      draw("circle", handle, { class: "catch" });
      draw("circle", handle, { class: "dot" });
      return handle;
    });
    this.name = name;
    this.listen(this.outline, null);
    this.text.addEventListener("pointerdown", (event) => this.drag(event, this.text, null));
    this.handles.forEach((handle, at) => this.listen(handle, at));
  }

  listen(element, at) {
    element.addEventListener("pointerdown", (event) => this.drag(event, element, at));
    element.addEventListener("keydown", (event) => this.key(event, at));
    element.addEventListener("blur", hideGlass);
  }

  drag(event, element, at) {
    if (event.button !== 0) return;
    event.preventDefault();
    (element === this.text ? this.outline : element).focus({ focusVisible: false });
    const before = this.corners.map((corner) => [...corner]);
    const [x, y] = this.stage.place(event);
    this.stage.model.note();
    const each = (next) => {
      const [nowX, nowY] = this.stage.place(next);
      this.shift(before, at, [nowX - x, nowY - y]);
    };
    follow(event, element, each, hideGlass);
  }

  key(event, at) {
    const arrow = ARROWS[event.key];
    if (event.key === "Delete" && this.region) {
      event.preventDefault();
      this.stage.removed(this.region);
    }
    if (!arrow || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.stage.model.note();
    const steps = event.shiftKey ? 10 : 1;
    this.shift(this.corners, at, [arrow[0] * steps, arrow[1] * steps]);
  }

  /** Move a corner, or all of them for null, from where they were. */
  shift(before, at, [dx, dy]) {
    const { size } = this.stage.model;
    const [left, top, right, bottom] = boxAround(before);
    const byX = at === null ? Math.min(Math.max(dx, -left), size[0] - right) : dx;
    const byY = at === null ? Math.min(Math.max(dy, -top), size[1] - bottom) : dy;
    this.move(before.map(([x, y], each) => (at === null || each === at ? within([x + byX, y + byY], size) : [x, y])));
    this.stage.update();
    if (at !== null) {
      const corner = this.corners[at];
      const [viewX, , viewWidth] = this.stage.view;
      showGlass(this.stage.image, corner, this.corners, corner[0] < viewX + viewWidth / 2);
    }
    this.stage.moved();
  }

  update(scale) {
    const corners = this.shown(scale);
    const catching = Math.max(DOT, Math.min(CATCH, 0.45 * shortestSide(corners) * scale));
    this.outline.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
    this.outline.setAttribute("aria-label", this.name);
    this.group.classList.toggle("wrong", !isProper(corners));
    this.write(corners, scale);
    this.handles.forEach((handle, at) => {
      const [x, y] = this.corners[at];
      handle.setAttribute("transform", `translate(${corners[at].join(" ")})`);
      handle.setAttribute("aria-label", `${this.name}, ${CORNERS[at]} corner, ${Math.round(x)}, ${Math.round(y)}`);
      handle.firstChild.setAttribute("r", catching / scale);
      handle.lastChild.setAttribute("r", DOT / scale);
    });
  }

  /** The caption at a point. */
  caption(text, [x, y], scale) {
    this.text.textContent = text;
    this.text.setAttribute("x", x);
    this.text.setAttribute("y", y);
    this.text.setAttribute("font-size", 14 / scale);
  }
}

/** A region, whose corners are its own. */
export class RegionShape extends Shape {
  constructor(stage, region) {
    super(stage, "region", `region ${region.name}`, `Region ${region.name}`);
    this.region = region;
  }

  get corners() {
    return this.region.corners;
  }

  shown() {
    return this.corners;
  }

  write(corners, scale) {
    this.caption(this.region.name, [corners[3][0], Math.max(corners[3][1], corners[2][1]) + (OUTSIDE + 17) / scale], scale);
  }

  move(corners) {
    this.region.corners = corners;
  }
}

/** The outline of a reading's regions, which move with its corners. */
export class RowShape extends Shape {
  constructor(stage, reading) {
    super(stage, "row", `row ${reading.name}`, `Row of ${reading.name}`);
    this.reading = reading;
  }

  get corners() {
    return rowAround(this.stage.model.regionsOf(this.reading).map(({ corners }) => corners));
  }

  /** A little outside of the regions, whose own corners would lie below the row's. */
  shown(scale) {
    const signs = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    return this.corners.map(([x, y], at) => [x + (signs[at][0] * OUTSIDE) / scale, y + (signs[at][1] * OUTSIDE) / scale]);
  }

  write(corners, scale) {
    this.caption(this.reading.name, [corners[0][0], Math.min(corners[0][1], corners[1][1]) - 12 / scale], scale);
  }

  move(corners) {
    this.stage.model.moveRow(this.reading, corners);
  }
}
