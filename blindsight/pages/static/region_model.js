// The regions and readings that the person changes, with a way back.

import { divide, gapShare, isProper, projection, rowAround, within } from "./region_geometry.js";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;

export class Model {
  /** From what the program sent: {size, regions, readings}. */
  constructor({ size, regions, readings }) {
    this.size = size;
    this.regions = regions;
    this.readings = readings.map((table) => ({ ...table, regions: table.regions ?? regions.map(({ name }) => name) }));
    this.saved = this.text();
    this.history = [];
  }

  /** The draft as the program takes it. */
  draft() {
    return { regions: this.regions, readings: this.readings };
  }

  text() {
    return JSON.stringify(this.draft());
  }

  get changed() {
    return this.text() !== this.saved;
  }

  /** Note how things are before a change, so that `undo` comes back here. */
  note() {
    const now = this.text();
    if (this.history.at(-1) !== now) this.history.push(now);
  }

  /** Go back to where things were; whether there was a way back. */
  undo() {
    const now = this.text();
    let before = this.history.pop();
    if (before === now) before = this.history.pop();
    if (before === undefined) return false;
    Object.assign(this, JSON.parse(before));
    return true;
  }

  byName(name) {
    return this.regions.find((region) => region.name === name);
  }

  /** The regions of a reading, the most significant first. */
  regionsOf(reading) {
    return reading.regions.map((name) => this.byName(name)).filter(Boolean);
  }

  /** The regions that belong to no reading. */
  others() {
    return this.regions.filter(({ name }) => !this.readings.some(({ regions }) => regions.includes(name)));
  }

  /** Move a row's corners, and with them the regions in it as perspective would. A row that isn't one any more stays. */
  moveRow(reading, corners) {
    const regions = this.regionsOf(reading);
    const map = isProper(corners) && projection(rowAround(regions.map((region) => region.corners)), corners);
    if (map) for (const region of regions) region.corners = region.corners.map((corner) => within(map(corner), this.size));
  }

  /** The gap between a reading's regions, as a share of a region's width. */
  gap(reading) {
    return gapShare(this.regionsOf(reading).map(({ corners }) => corners));
  }

  /** Make a reading's row one of `number` regions, evenly within its corners, with gaps of this share of their width. */
  divideRow(reading, number, gap) {
    const former = this.regionsOf(reading);
    const row = rowAround(former.map(({ corners }) => corners));
    if (!isProper(row)) return;
    const places = divide(row, number, gap);
    const names = reading.regions.slice(0, number);
    const stays = [...names, ...this.readings.filter((each) => each !== reading).flatMap((each) => each.regions)];
    this.regions = this.regions.filter((region) => !former.includes(region) || stays.includes(region.name));
    while (names.length < number) {
      const name = this.freeName();
      this.regions.push({ name, corners: former[0].corners, normalise: former[0].normalise });
      names.push(name);
    }
    reading.regions = names;
    reading.decimals = Math.min(reading.decimals ?? 0, number - 1);
    this.regionsOf(reading).forEach((region, at) => (region.corners = places[at].map((corner) => within(corner, this.size))));
  }

  /** Whether a region can have a name. */
  mayRename(region, name) {
    return NAME.test(name) && (this.byName(name) ?? region) === region;
  }

  /** Give a region another name, in its readings too. */
  rename(region, name) {
    for (const reading of this.readings) reading.regions = reading.regions.map((each) => (each === region.name ? name : each));
    region.name = name;
  }

  remove(region) {
    this.regions = this.regions.filter((each) => each !== region);
    for (const reading of this.readings) reading.regions = reading.regions.filter((name) => name !== region.name);
    this.readings = this.readings.filter(({ regions }) => regions.length);
    for (const reading of this.readings) reading.decimals = Math.min(reading.decimals ?? 0, reading.regions.length - 1);
  }

  /** Add a region around a point, an eighth of the picture high. */
  addRegion([x, y]) {
    const height = this.size[1] / 8;
    const width = 0.6 * height;
    const [left, top, right, bottom] = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
    const corners = [[left, top], [right, top], [right, bottom], [left, bottom]].map((corner) => within(corner, this.size));
    const region = { name: this.freeName(), corners, normalise: "digit" };
    this.regions.push(region);
    return region;
  }

  /** Add a reading of the regions that belong to none, from left to right, or of a new row of five. */
  addReading(point) {
    let regions = this.others().sort((one, other) => one.corners[0][0] - other.corners[0][0]);
    const isNew = !regions.length;
    if (isNew) regions = [this.addRegion(point)];
    const reading = { name: this.freeReading(), regions: regions.map(({ name }) => name), decimals: 0, unit: "" };
    this.readings.push(reading);
    if (isNew) {
      const [[left, top], [right], , [, bottom]] = regions[0].corners;
      const half = 2 * (right - left);
      regions[0].corners = [[left - half, top], [right + half, top], [right + half, bottom], [left - half, bottom]];
      this.divideRow(reading, 5, this.gap(reading));
    }
    return reading;
  }

  freeName() {
    for (let number = 1; ; number++) if (!this.byName(`d${number}`)) return `d${number}`;
  }

  freeReading() {
    const taken = this.readings.map(({ name }) => name);
    for (let number = 1; ; number++) {
      const name = number === 1 ? "reading" : `reading-${number}`;
      if (!taken.includes(name)) return name;
    }
  }
}
