// Logging in, and the first account. The token of a first start is the address's fragment, which browsers send to nobody.

import { post } from "./sending.js";

const form = document.getElementById("login");
const problem = document.getElementById("problem");
const again = document.getElementById("again");
const token = location.hash.slice(1);
// Out of the address, which people copy and show; a reload keeps it.
if (again && token) {
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
}

/** Where to go then: the page that was asked for, of this site only. */
function next() {
  const wanted = new URL(new URLSearchParams(location.search).get("next") ?? "/", location.origin);
  return wanted.origin === location.origin && wanted.pathname !== "/login" ? wanted : "/";
}

function complain(text) {
  problem.textContent = text;
  problem.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.hidden = true;
  const given = Object.fromEntries(new FormData(form));
  if (again && again.value !== given.password) return complain("The two passwords aren't the same; type them again.");
  if (again) given.token = sessionStorage.getItem("token") ?? "";
  if (again && !given.token) return complain("This address lacks its token: open the whole address that the terminal shows.");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await post(form.dataset.address, given);
    sessionStorage.removeItem("token");
    location.replace(again ? "/" : next());
  } catch (error) {
    complain(error.message);
    button.disabled = false;
    document.getElementById("password").select();
  }
});
