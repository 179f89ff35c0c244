// The readings and regions as fields, with what the network sees in each region.

import { byId, make } from "./page.js";

const NORMALISATIONS = { digit: "a digit", light: "even light only", none: "as it is" };
const UNITS = ["m³", "kWh", "l", "gal", "ft³"];
const DIGIT = /^\d$/;

/** A field with its name above it. */
function field(name, input, change) {
  input.addEventListener("change", change);
  return make("label", {}, name, input);
}

function textInput(value, maxlength) {
  return make("input", { type: "text", value, maxlength });
}

function numberInput(value, attributes) {
  return make("input", { type: "number", value, ...attributes });
}

function complainAbout(input, text) {
  input.setCustomValidity(text);
  input.reportValidity();
}

/** Put elements into another one. Where they are there already nothing happens, so that none loses the focus. */
function fill(parent, children) {
  const same = parent.children.length === children.length && children.every((child, at) => parent.children[at] === child);
  if (!same) parent.replaceChildren(...children);
}

export class Panel {
  /**
   * Fields of a model, in `parent`. `changed(shapes)` is called after each change, with whether regions came, went or
   * have other names.
   */
  constructor(model, parent, changed) {
    Object.assign(this, { model, parent, changed });
    this.cards = new WeakMap(); // by reading
    this.rows = new WeakMap(); // by region
    this.units = make("datalist", { id: "units" }, ...UNITS.map((value) => make("option", { value })));
    this.othersList = make("ul", { class: "regions" });
    this.others = make("section", { class: "card" }, make("h2", {}, "Regions of no reading"), this.othersList);
  }

  /** Show the model as it is now. Fields of readings and regions that stay are kept, with the focus in them. */
  update() {
    const { model } = this;
    const others = model.others();
    const cards = model.readings.map((reading) => this.card(reading).update());
    fill(this.othersList, others.map((region) => this.row(region).update()));
    fill(this.parent, [this.units, ...cards, ...(others.length ? [this.others] : [])]);
  }

  /** Make a change of the model, if the field's value is one that it takes. */
  set(input, shapes, change) {
    input.setCustomValidity("");
    if (!input.reportValidity()) return;
    this.model.note();
    change();
    this.changed(shapes);
  }

  card(reading) {
    if (!this.cards.has(reading)) this.cards.set(reading, this.makeCard(reading));
    return this.cards.get(reading);
  }

  makeCard(reading) {
    const { model } = this;
    const value = make("output", { class: "value" });
    const name = textInput(reading.name, 64);
    const digits = numberInput("", { min: 1, max: 12, required: true });
    const gap = numberInput("", { min: 0, max: 200, required: true });
    const decimals = numberInput("", { min: 0, required: true });
    const unit = textInput(reading.unit ?? "", 64);
    const rate = numberInput(reading.max_rate ?? "", { min: 0, step: "any", placeholder: "usual" });
    unit.setAttribute("list", "units");
    const regions = make("ul", { class: "regions" });
    const element = make(
      "section",
      { class: "card" },
      make("div", { class: "bar" }, make("h2", { class: "grow" }, "Reading"), value),
      make(
        "div",
        { class: "fields" },
        field("Name", name, () => this.renameReading(reading, name)),
        field("Digits", digits, () => this.set(digits, true, () => model.divideRow(reading, digits.valueAsNumber, model.gap(reading)))),
        field("Gaps, %", gap, () => this.set(gap, true, () => model.divideRow(reading, reading.regions.length, gap.valueAsNumber / 100))),
        field("Decimals", decimals, () => this.set(decimals, false, () => (reading.decimals = decimals.valueAsNumber))),
        field("Unit", unit, () => this.set(unit, false, () => (reading.unit = unit.value.trim()))),
        field("Most per hour", rate, () => this.set(rate, false, () => setRate(reading, rate))),
      ),
      make("p", { class: "soft small hint" }, "What is used here in an hour at most tells misread digits from real ones."),
      regions,
    );
    const update = () => {
      digits.value = reading.regions.length;
      gap.value = Math.round(100 * model.gap(reading));
      decimals.max = reading.regions.length - 1;
      if (document.activeElement !== decimals) decimals.value = reading.decimals ?? 0;
      fill(regions, model.regionsOf(reading).map((region) => this.row(region).update()));
      return element;
    };
    return { value, update };
  }

  renameReading(reading, input) {
    const name = input.value.trim();
    const taken = this.model.readings.some((each) => each !== reading && each.name === name);
    if (!name || taken) return complainAbout(input, name ? "Another reading has this name." : "A reading has a name.");
    this.set(input, true, () => (reading.name = name));
  }

  row(region) {
    if (!this.rows.has(region)) this.rows.set(region, this.makeRow(region));
    return this.rows.get(region);
  }

  makeRow(region) {
    const seen = make("img", { class: "seen", alt: "" });
    const frame = make("img", { class: "frame", alt: "" });
    const label = make("span", { class: "label" });
    const name = textInput(region.name, 32);
    const kinds = Object.entries(NORMALISATIONS).map(([value, text]) => make("option", { value }, text));
    const kind = make("select", {}, ...kinds);
    const remove = make("button", { type: "button", class: "remove" }, "×");
    name.addEventListener("change", () => this.renameRegion(region, name));
    kind.addEventListener("change", () => this.set(kind, false, () => (region.normalise = kind.value)));
    remove.addEventListener("click", () => this.remove(region, element));
    const element = make(
      "li",
      {},
      make("div", { class: "crops" }, seen, frame),
      make("div", { class: "fields" }, name, label, kind),
      remove,
    );
    const update = () => {
      name.setAttribute("aria-label", `Name of ${region.name}`);
      kind.setAttribute("aria-label", `Normalisation of ${region.name}`);
      remove.setAttribute("aria-label", `Remove ${region.name}`);
      kind.value = region.normalise;
      return element;
    };
    return { seen, frame, label, update };
  }

  renameRegion(region, input) {
    if (!this.model.mayRename(region, input.value)) {
      return complainAbout(input, "Letters, digits, '-', '_' and '.', 32 at most, and no other region's name.");
    }
    this.set(input, true, () => this.model.rename(region, input.value));
  }

  remove(region, element) {
    const next = element.nextElementSibling ?? element.previousElementSibling;
    this.model.note();
    this.model.remove(region);
    this.changed(true);
    (next?.querySelector(".remove") ?? byId("add-region")).focus();
  }

  /** Show what the program made of regions: pairs of a region and its crop. */
  show(pairs) {
    const labels = new Map();
    for (const [region, crop] of pairs) {
      const row = this.row(region);
      for (const kind of ["seen", "frame"]) {
        row[kind].hidden = !crop[kind];
        if (crop[kind]) row[kind].src = crop[kind];
      }
      row.label.textContent = crop.wrong ? "Its sides cross" : said(crop.suggestion);
      row.label.title = crop.wrong ?? "";
      row.label.classList.toggle("wrong", Boolean(crop.wrong));
      labels.set(region.name, crop.suggestion?.label);
    }
    for (const reading of this.model.readings) this.card(reading).value.textContent = together(reading, labels);
  }
}

function said(suggestion) {
  return suggestion ? `${suggestion.label} · ${Math.floor(100 * suggestion.probability)} %` : "";
}

/** What the labels of a reading's regions make together, with a dot for one that is no digit. */
function together(reading, labels) {
  const found = reading.regions.map((name) => labels.get(name));
  if (found.every((label) => label === undefined)) return "";
  const digits = found.map((label) => (DIGIT.test(label) ? label : "·"));
  if (reading.decimals > 0) digits.splice(-reading.decimals, 0, ".");
  return `${digits.join("")} ${reading.unit ?? ""}`;
}

function setRate(reading, input) {
  if (input.value === "") delete reading.max_rate;
  else reading.max_rate = input.valueAsNumber;
}
