// Tokens for programs: made, shown once, revoked.

import { refresh } from "./live.js";
import { post, remove } from "./sending.js";
import { tell } from "./telling.js";

const form = document.getElementById("new-token");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, scope } = Object.fromEntries(new FormData(form));
  try {
    const { token } = await (await post("/api/v1/tokens", { name, scopes: [scope] })).json();
    document.getElementById("made-text").textContent = token;
    document.getElementById("made").hidden = false;
    form.reset();
    await refresh();
  } catch (error) {
    tell(error.message, true);
  }
});

document.getElementById("tokens").addEventListener("click", async ({ target }) => {
  const token = target.dataset.revoke;
  if (!token) return;
  try {
    await remove(`/api/v1/tokens/${token}`);
    await refresh();
    tell("The token opens nothing any more.");
  } catch (error) {
    tell(error.message, true);
  }
});
