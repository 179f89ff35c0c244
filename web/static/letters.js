// Dead letters: those that are chosen are retried, dropped after a question, or exported.

import { refresh } from "./live.js";
import { post } from "./sending.js";
import { tell } from "./telling.js";

const form = document.getElementById("letters");
const ask = document.getElementById("ask");

const plural = (count) => `${count} burst${count === 1 ? "" : "s"}`;
const boxes = () => [...form.querySelectorAll("input[name=job]")];
const chosen = () => boxes().filter((box) => box.checked).map((box) => box.value);

function showChosen() {
  const count = chosen().length;
  const every = document.getElementById("every");
  if (!every) return;
  document.getElementById("chosen").textContent = count ? `${plural(count)} chosen` : "None chosen";
  every.checked = count > 0 && count === boxes().length;
  every.indeterminate = count > 0 && count < boxes().length;
  for (const button of form.querySelectorAll("button")) button.disabled = count === 0;
}

/** Whether the person wants them dropped. */
function isSure(count) {
  document.getElementById("ask-text").textContent = `${plural(count)} of ${form.dataset.device}.`;
  ask.showModal();
  return new Promise((resolve) => ask.addEventListener("close", () => resolve(ask.returnValue === "drop"), { once: true }));
}

async function act(action, jobs) {
  if (action === "drop" && !(await isSure(jobs.length))) return;
  const device = encodeURIComponent(form.dataset.device);
  const address = `/api/v1/devices/${device}/dead-letters/${action}`;
  if (action === "export") {
    const response = await post(address, { jobs });
    save(await response.blob(), "dead-letters.zip");
    return tell(`${plural(jobs.length)} exported.`);
  }
  await post(address, { jobs });
  await refresh();
  tell(action === "retry" ? `${plural(jobs.length)} will be sent again.` : `${plural(jobs.length)} dropped.`);
}

/** Give the person a file. */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

form.addEventListener("change", (event) => {
  if (event.target.id === "every") for (const box of boxes()) box.checked = event.target.checked;
  showChosen();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const action = event.submitter?.value;
  const jobs = chosen();
  if (!action || !jobs.length) return;
  try {
    await act(action, jobs);
  } catch (error) {
    tell(error.message, true);
  }
  showChosen();
});
document.addEventListener("refreshed", showChosen);
ask.addEventListener("cancel", () => (ask.returnValue = "no"));
showChosen();
