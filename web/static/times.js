// Times in the browser's zone. The server writes them as UTC; `data-show` says how: a clock's time, or an age.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });
/** Units of ages, with their seconds. */
const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
];
/** Milliseconds between two looks at the ages on a page. */
const TICK_MS = 5000;

/** A moment as short as it may be: today's without a date, this year's without a year. */
export function clock(when, now = new Date()) {
  if (when.toDateString() === now.toDateString()) return CLOCK.format(when);
  const date = when.getFullYear() === now.getFullYear() ? DAY : YEAR;
  return `${date.format(when)}, ${CLOCK.format(when)}`;
}

/** The time of day, to the minute. */
export function minute(when) {
  return MINUTE.format(when);
}

/** The day. */
export function day(when) {
  return DAY.format(when);
}

/** How long ago a moment was, in its largest unit. */
export function age(when, now = new Date()) {
  const seconds = Math.max(0, (now - when) / 1000);
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return seconds < 5 ? "just now" : `${Math.floor(seconds)} s ago`;
}

/** A moment in full, with its zone. */
export function exact(when) {
  return EXACT.format(when);
}

/** Write all times below a node for the reader. */
export function localise(root) {
  for (const element of root.querySelectorAll("time[data-show]")) {
    const when = new Date(element.dateTime);
    if (Number.isNaN(when.getTime())) continue;
    element.title = exact(when);
    const text = element.dataset.show === "ago" ? age(when) : clock(when);
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of root.querySelectorAll("[data-zone]")) element.textContent = "";
}

/** Write the times of a document, and its ages again as they grow. */
export function keepTimes(page) {
  localise(page);
  setInterval(() => document.hidden || localise(page), TICK_MS);
}
