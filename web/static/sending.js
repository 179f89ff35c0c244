// Requests that change something, with what proves that this page made them.

/** The response to a POST. Throws an error with a message for the person. */
export function post(address, body) {
  return send("POST", address, body);
}

/** The response to a DELETE. Throws likewise. */
export function remove(address) {
  return send("DELETE", address);
}

async function send(method, address, body) {
  const headers = { "X-CSRF-Token": document.querySelector("meta[name=csrf]")?.content ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("There was no answer: the connection is lost. It isn't sure what has happened; look again once it is back.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const fields = (problem.errors ?? []).map(({ field, why }) => `${field}: ${why}`).join("; ");
  throw new Error(sentence(fields || problem.detail || `the site answered ${response.status}; open the page again`));
}

/** A text that begins with a capital and ends with a stop. */
function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}
