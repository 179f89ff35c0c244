// What every page does: times in the browser's zone, live content, forms that write addresses, and leaving.

import "./forms.js";
import { connect } from "./live.js";
import { remove } from "./sending.js";
import { tell } from "./telling.js";
import { keepTimes } from "./times.js";

document.documentElement.classList.add("scripted");
keepTimes(document);
connect();

async function leave() {
  try {
    await remove("/api/v1/session");
    location.assign("/login");
  } catch (error) {
    tell(error.message, true);
  }
}
for (const button of document.querySelectorAll("[data-log-out]")) button.addEventListener("click", leave);
