// The page of regions: a picture, what is cut out of it, and the file that says so.

import { Refused, ask, askLast, byId, complain, picture, showEnd } from "./page.js";
import { isProper } from "./region_geometry.js";
import { Model } from "./region_model.js";
import { Panel } from "./region_panel.js";
import { Stage } from "./region_stage.js";

let model, stage, panel;

async function start() {
  const state = await ask("/api/regions");
  byId("out").textContent = byId("out").title = `to be saved as ${state.out}`;
  model = new Model(state);
  stage = new Stage(model, await picture("/api/picture.png"), moved, (region) => change(() => model.remove(region)));
  panel = new Panel(model, byId("readings"), (shapes) => (shapes ? rebuild() : moved()));
  connect(state.out);
  rebuild();
}

/** Show a model in which regions came, went or have other names. */
function rebuild() {
  stage.rebuild();
  panel.update();
  moved();
}

/** Show a model in which something moved. */
function moved() {
  byId("undo").disabled = model.history.length === 0;
  refresh();
}

function change(action) {
  model.note();
  action();
  rebuild();
}

// One request for crops at a time; what moved meanwhile is asked for after it.
let asking = false;
let stale = false;
async function refresh() {
  stale = true;
  if (asking) return;
  asking = true;
  try {
    while (stale) {
      stale = false;
      const asked = [...model.regions];
      const crops = await ask("/api/crops", asked);
      panel.show(asked.map((region, at) => [region, crops[at]]));
    }
  } catch (error) {
    complain(error);
  } finally {
    asking = false;
  }
}

async function save(out, overwrite) {
  const crossing = model.regions.find(({ corners }) => !isProper(corners));
  if (crossing) throw new Refused(`The sides of ${crossing.name} cross. Put its corners right first.`);
  const { saved } = await askLast("/api/save", { draft: model.draft(), overwrite }, (answer) => answer.saved);
  if (saved) {
    model.saved = model.text();
    showEnd("Saved", `The regions are in ${out}. This page can be closed.`);
  } else {
    byId("replace-text").textContent = `There is a file ${out} already.`;
    byId("replace").returnValue = "no";
    byId("replace").showModal();
  }
}

function undo() {
  if (model.undo()) rebuild();
}

function connect(out) {
  const listen = (id, action) => byId(id).addEventListener("click", action);
  listen("save", () => save(out, false).catch(complain));
  byId("replace").addEventListener("close", () => byId("replace").returnValue === "yes" && save(out, true).catch(complain));
  listen("whole", () => stage.show([0, 0, ...model.size]));
  listen("closer", () => stage.showRegions());
  listen("in", () => stage.zoom(1.5));
  listen("out-of", () => stage.zoom(1 / 1.5));
  listen("undo", undo);
  listen("add-region", () => change(() => model.addRegion(stage.middle())));
  listen("add-reading", () => change(() => model.addReading(stage.middle())));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.target.closest("input")) return;
    event.preventDefault();
    undo();
  });
  addEventListener("beforeunload", (event) => model.changed && event.preventDefault());
}

start().catch(complain);
