// The picture with its rows and regions, which are moved by mouse, touch and keyboard.

import { byId } from "./page.js";
import { boxAround } from "./region_geometry.js";
import { RegionShape, RowShape, draw, follow } from "./region_shapes.js";

export class Stage {
  /** `moved()` is called after each change of the model, `removed(region)` when a region shall go away. */
  constructor(model, url, moved, removed) {
    Object.assign(this, { model, moved, removed, shapes: [] });
    this.svg = byId("stage");
    this.image = new Image();
    this.image.src = url;
    const [width, height] = model.size;
    draw("image", this.svg, { href: url, width, height });
    this.svg.style.aspectRatio = `${width} / ${height}`;
    this.svg.parentElement.style.maxWidth = `calc(76vh * ${width / height})`;
    this.layer = draw("g", this.svg);
    this.show([0, 0, width, height]);
    new ResizeObserver(() => this.update()).observe(this.svg);
    this.svg.addEventListener("pointerdown", (event) => this.pan(event));
    this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** Make the shapes anew: after regions came, went or changed their readings. */
  rebuild() {
    const focus = document.activeElement?.closest?.("#stage g")?.getAttribute("data-key");
    this.layer.replaceChildren();
    const { model } = this;
    this.shapes = [
      ...model.readings.map((reading) => new RowShape(this, reading)),
      ...model.regions.map((region) => new RegionShape(this, region)),
    ];
    this.update();
    if (!focus) return;
    const same = this.layer.querySelector(`[data-key="${CSS.escape(focus)}"] polygon`);
    (same ?? this.layer.querySelector("polygon"))?.focus();
  }

  /** Draw the shapes where they are now. */
  update() {
    const scale = this.scale();
    for (const shape of this.shapes) shape.update(scale);
  }

  /** Screen pixels of a pixel of the picture. */
  scale() {
    return this.svg.getScreenCTM()?.a || 1;
  }

  /** Where an event is, in pixels of the picture. */
  place({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [x, y];
  }

  /** Show the part [left, top, width, height] of the picture, or as much as fits around it. */
  show([left, top, width, height]) {
    const [most, mostHigh] = this.model.size;
    const wide = Math.min(Math.max(width, (height * most) / mostHigh, 24), most);
    const high = (wide * mostHigh) / most;
    const x = Math.min(Math.max(left + (width - wide) / 2, 0), most - wide);
    const y = Math.min(Math.max(top + (height - high) / 2, 0), mostHigh - high);
    this.view = [x, y, wide, high];
    this.svg.setAttribute("viewBox", this.view.join(" "));
    this.svg.classList.toggle("zoomed", wide < most);
    this.update();
  }

  /** Show all regions, as large as they fit. */
  showRegions() {
    const [left, top, right, bottom] = boxAround(this.model.regions.flatMap(({ corners }) => corners));
    const margin = 0.12 * (right - left);
    this.show([left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin]);
  }

  /** Show more or less of the picture, around a point of it that stays where it is. */
  zoom(factor, at = this.middle()) {
    const [x, y, width, height] = this.view;
    this.show([at[0] - (at[0] - x) / factor, at[1] - (at[1] - y) / factor, width / factor, height / factor]);
  }

  /** The middle of what is shown. */
  middle() {
    return [this.view[0] + this.view[2] / 2, this.view[1] + this.view[3] / 2];
  }

  wheel(event) {
    if (!event.ctrlKey) return; // as browsers send the pinch of a touch pad; the plain wheel scrolls the page
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 200), this.place(event));
  }

  pan(event) {
    if (event.target.closest("[data-key]") || event.button !== 0) return;
    const [x, y] = this.place(event);
    follow(event, this.svg, (next) => {
      const [nowX, nowY] = this.place(next);
      this.show([this.view[0] + x - nowX, this.view[1] + y - nowY, this.view[2], this.view[3]]);
    });
  }
}
