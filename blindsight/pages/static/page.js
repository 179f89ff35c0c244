// What all pages share: the token, requests to the program that serves the page, and words to the person.

const TOKEN = "token";

// The token is the address's fragment, which browsers send to nobody. It moves to where a reload of this tab finds it,
// and out of the address, which people copy and show.
if (location.hash.length > 1) {
  sessionStorage.setItem(TOKEN, location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
addEventListener("hashchange", () => location.reload());

/** A request that was refused, or had no answer; the message is for the person. */
export class Refused extends Error {}

/** Requests that have no answer yet. */
const underWay = new Set();
/** What requests wait for, if anything: the answer to one that may end the program. */
let held = null;

/** The response to a GET, or to a POST where there is a body. Throws `Refused`. */
async function request(path, body) {
  while (held) await held;
  const sent = send(path, body);
  underWay.add(sent);
  try {
    return await sent;
  } finally {
    underWay.delete(sent);
  }
}

async function send(path, body) {
  const options = { headers: { Authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}` } };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused("The program behind this page doesn't answer. Start it again, and open the address that it shows.");
  }
  if (!response.ok) {
    const reason = await response.json().catch(() => ({}));
    throw new Refused(reason.error ?? `The program behind this page failed (${response.status}).`);
  }
  return response;
}

/** The JSON that a path gives. Throws `Refused`. */
export async function ask(path, body) {
  return (await request(path, body)).json();
}

/**
 * The JSON that a path gives which ends the program, where `ends` says so of it. Throws `Refused`.
 *
 * It is sent once all others have their answers. Those that come later wait for its answer, for ever where the program
 * ends: nobody is left to answer them, and the page shows its last screen.
 */
export async function askLast(path, body, ends) {
  while (held) await held;
  let goOn;
  held = new Promise((resolve) => (goOn = resolve));
  let ended = false;
  try {
    await Promise.allSettled(underWay);
    const answer = await (await send(path, body)).json();
    ended = ends(answer);
    return answer;
  } finally {
    if (!ended) {
      held = null;
      goOn();
    }
  }
}

/** A picture as an address that an <img> takes; whoever asked revokes it. Throws `Refused`. */
export async function picture(path) {
  return URL.createObjectURL(await (await request(path)).blob());
}

/** The element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element with attributes, and with texts and elements in it. A function is a listener, as in {onclick: …}. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Tell the person something, without taking the focus away. */
export function tell(text) {
  byId("notice").className = "soft small";
  byId("notice").textContent = text;
}

/** Tell the person what went wrong. What isn't ours is a fault of this page, and belongs in the console too. */
export function complain(error) {
  if (!(error instanceof Refused)) console.error(error);
  byId("notice").className = "wrong";
  byId("notice").textContent = error.message;
}

/** The last screen of a page whose program has ended. */
export function showEnd(title, text) {
  document.body.replaceChildren(make("main", { class: "card end" }, make("h1", {}, title), make("p", { class: "soft" }, text)));
}
