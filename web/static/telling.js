// Words to the person, which screen readers hear once.

/** Milliseconds that a word stays. */
const STAYS_MS = 6000;
let timer;

/** Say something. `wrong` is for what failed. */
export function tell(text, wrong = false) {
  const place = document.getElementById("told");
  place.toggleAttribute("data-wrong", wrong);
  place.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => (place.textContent = ""), STAYS_MS);
}
