// Live content: the server says that something changed, and the page asks for itself again.
//
// An event carries no content. Whatever happened meanwhile, also while the connection was lost, is in the page that
// comes then: the newest state has no gaps. Only what is in an element with `data-live` changes, in place.

import { morph } from "./morph.js";
import { localise } from "./times.js";

const EVENTS = "/api/v1/events";
/** Milliseconds from one look at the page to the next, at least. */
const PAUSE_MS = 1000;
/** Milliseconds until a connection that was refused is tried again: the first time, and at most. */
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30000;

let source = null;
/** The version of the site that the page shows. */
let version = versionOf(document);
let retry = RETRY_MS;
let waiting = null;
let lastLook = 0;

/** Open the connection, and show how it is. A page that nobody sees has none: browsers allow six to a host. */
export function connect() {
  source?.close();
  if (document.hidden) return;
  source = new EventSource(EVENTS);
  source.addEventListener("open", () => {
    retry = RETRY_MS;
    showLink("live", "Live");
  });
  // The first event of each connection says what the version is, and so whether something was missed.
  source.addEventListener("change", ({ lastEventId }) => lastEventId !== version && look());
  source.addEventListener("end", () => location.reload()); // the session has ended
  source.addEventListener("error", () => {
    showLink("lost", "Connection lost; trying again");
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, retry);
    retry = Math.min(2 * retry, LONGEST_RETRY_MS);
  });
}

document.addEventListener("visibilitychange", connect);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && connect());

function versionOf(page) {
  return page.querySelector("meta[name=version]")?.content;
}

/** Write how the connection is. */
function showLink(state, text) {
  const link = document.getElementById("link");
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  document.getElementById("link-text").textContent = text;
}

/** Ask for the page soon; once for many changes. */
function look() {
  if (waiting) return;
  const due = Math.max(0, lastLook + PAUSE_MS - Date.now());
  waiting = setTimeout(async () => {
    waiting = null;
    try {
      await refresh();
      if (source.readyState === EventSource.OPEN) showLink("live", "Live");
    } catch {
      showLink("lost", "The site can't answer now; trying again");
      setTimeout(look, LONGEST_RETRY_MS / 6);
    }
  }, due);
}

let asked = 0;

/** Make the live parts of this page what the server says now. Throws an error where it doesn't answer. */
export async function refresh() {
  lastLook = Date.now();
  const number = ++asked;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected) return location.reload(); // the session has ended
  if (!response.ok) throw new Error(`The site answered ${response.status}.`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (number !== asked) return;
  version = versionOf(fresh);
  localise(fresh);
  for (const part of document.querySelectorAll("[data-live]")) {
    const wanted = fresh.getElementById(part.id);
    if (wanted) morph(part, wanted);
  }
  document.dispatchEvent(new CustomEvent("refreshed"));
}

/** Show another address of the same page, without leaving it. */
export async function show(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  await refresh();
}

addEventListener("popstate", () => refresh().catch(() => location.reload()));
