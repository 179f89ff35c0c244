// Forms that write addresses: the search asks while one types, and times of filters are in the browser's zone.

import { show } from "./live.js";
import { tell } from "./telling.js";

/** Milliseconds after the last key until a search asks. */
const TYPED_MS = 200;

for (const form of document.querySelectorAll("form[data-search]")) {
  let timer;
  const search = () => {
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
    show(address, { replace: true }).catch(() => tell("The search had no answer; the connection is lost.", true));
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPED_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    search();
  });
}

for (const field of document.querySelectorAll("input[data-at]")) {
  if (field.dataset.at) field.value = local(new Date(field.dataset.at));
}

for (const form of document.querySelectorAll("form[data-filter]")) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const name of ["from", "to"]) {
      const text = formData.get(name);
      if (text) formData.set(name, new Date(text).toISOString());
    }
    if (formData.get("from") || formData.get("to")) formData.delete("range");
    for (const [name, value] of [...formData]) if (!value) formData.delete(name);
  });
}

/** A moment as a field of local time has it. */
function local(when) {
  return new Date(when - when.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}
