// The readings and regions as fields, with what the network sees in each region.

import { make } from "./page.js";

const NORMALISATIONS = { digit: "a digit", light: "even light only", none: "as it is" };
const UNITS = ["m³", "kWh", "l", "gal", "ft³"];

/** A field with its name above it. `change(input)` is called when its value has changed. */
function field(name, input, change) {
  input.addEventListener("change", () => change(input));
  return make("label", {}, name, input);
}

function complainAbout(input, text) {
  input.setCustomValidity(text);
  input.reportValidity();
}

/** The panel's cards. `changed(shapes)` is called after each change, with whether regions came, went or have new names. */
export class Panel {
  constructor(model, parent, changed) {
    Object.assign(this, { model, parent, changed });
    this.cards = new Map();
  }

  rebuild() {
    const { model } = this;
    this.cards.clear();
    const others = model.others();
    this.parent.replaceChildren(
      make("datalist", { id: "units" }, ...UNITS.map((unit) => make("option", { value: unit }))),
      ...model.readings.map((reading) => this.reading(reading)),
      ...(others.length ? [make("section", { class: "card" }, make("h2", {}, "Regions of no reading"), this.regions(others))] : []),
    );
  }

  reading(reading) {
    const digits = reading.regions.length;
    const value = make("output", { class: "value", "data-reading": reading.name });
    const text = (name) => make("input", { type: "text", value: reading[name] ?? "", maxlength: 64 });
    const number = (value, min, max) => make("input", { type: "number", value, min, max, required: true });
    const unit = text("unit");
    unit.setAttribute("list", "units");
    const rate = make("input", { type: "number", value: reading.max_rate ?? "", min: 0, step: "any", placeholder: "of a household" });
    return make(
      "section",
      { class: "card" },
      make("div", { class: "bar" }, make("h2", { class: "grow" }, "Reading"), value),
      make(
        "div",
        { class: "fields" },
        field("Name", text("name"), (input) => this.renameReading(reading, input)),
        field("Digits", number(digits, 1, 12), (input) => this.set(input, true, () => this.model.setNumber(reading, Number(input.value)))),
        field("Decimals", number(reading.decimals ?? 0, 0, digits - 1), (input) => this.set(input, false, () => (reading.decimals = Number(input.value)))),
        field("Unit", unit, (input) => this.set(input, false, () => (reading.unit = input.value.trim()))),
        field("Most per hour", rate, (input) => this.set(input, false, () => setRate(reading, input.value))),
      ),
      make("p", { class: "soft small hint" }, "Most per hour: more than that isn't used here, which tells misread digits from real ones."),
      this.regions(this.model.regionsOf(reading)),
    );
  }

  regions(regions) {
    return make("ul", { class: "regions" }, ...regions.map((region) => this.region(region)));
  }

  region(region) {
    const seen = make("img", { class: "seen", alt: "" });
    const frame = make("img", { class: "frame", alt: "" });
    const label = make("span", { class: "label" });
    this.cards.set(region.name, { seen, frame, label });
    const name = make("input", { type: "text", value: region.name, maxlength: 32, "aria-label": `Name of ${region.name}` });
    name.addEventListener("change", () => this.renameRegion(region, name));
    const kind = make("select", { "aria-label": `Normalisation of ${region.name}` });
    for (const [value, text] of Object.entries(NORMALISATIONS)) {
      kind.append(make("option", { value, selected: value === region.normalise }, text));
    }
    kind.addEventListener("change", () => this.set(kind, false, () => (region.normalise = kind.value)));
    const remove = () => this.set(name, true, () => this.model.remove(region));
    return make(
      "li",
      {},
      make("div", { class: "crops" }, seen, frame),
      make("div", { class: "fields" }, name, label, kind),
      make("button", { type: "button", class: "remove", "aria-label": `Remove ${region.name}`, onclick: remove }, "×"),
    );
  }

  /** Make a change of the model, if the field's value is one that it takes. */
  set(input, shapes, change) {
    input.setCustomValidity("");
    if (!input.reportValidity()) return;
    this.model.note();
    change();
    this.changed(shapes);
  }

  renameReading(reading, input) {
    const name = input.value.trim();
    const taken = this.model.readings.some((each) => each !== reading && each.name === name);
    if (!name || taken) return complainAbout(input, name ? "Another reading has this name." : "A reading has a name.");
    this.set(input, true, () => (reading.name = name));
  }

  renameRegion(region, input) {
    const before = this.model.text();
    if (!this.model.rename(region, input.value)) {
      return complainAbout(input, "Letters, digits, '-', '_' and '.', 32 at most, and no other region's name.");
    }
    this.model.history.push(before);
    this.changed(true);
  }

  /** Show what the program made of each region, by its name. */
  show(crops) {
    for (const [name, card] of this.cards) {
      const crop = crops.get(name);
      if (!crop) continue;
      for (const kind of ["seen", "frame"]) {
        card[kind].hidden = !crop[kind];
        if (crop[kind]) card[kind].src = crop[kind];
      }
      card.label.textContent = crop.wrong ? "Its sides cross" : said(crop.suggestion);
      card.label.title = crop.wrong ?? "";
      card.label.classList.toggle("wrong", Boolean(crop.wrong));
    }
    for (const output of this.parent.querySelectorAll(".value")) {
      output.textContent = this.value(this.model.readings.find(({ name }) => name === output.dataset.reading), crops);
    }
  }

  /** What the labels of a picture make together, with a dot for a digit that isn't one. */
  value(reading, crops) {
    const labels = reading.regions.map((name) => crops.get(name)?.suggestion?.label);
    if (labels.every((label) => label === undefined)) return "";
    const digits = labels.map((label) => (/^\d$/.test(label) ? label : "·"));
    if (reading.decimals > 0) digits.splice(-reading.decimals, 0, ".");
    return `${digits.join("")} ${reading.unit ?? ""}`;
  }
}

function said(suggestion) {
  return suggestion ? `${suggestion.label} · ${Math.floor(100 * suggestion.probability)} %` : "";
}

function setRate(reading, text) {
  if (text === "") delete reading.max_rate;
  else reading.max_rate = Number(text);
}
