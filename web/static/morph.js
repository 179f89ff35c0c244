// One tree becomes another in place: elements that both have stay the same elements, with focus, selection and scroll.

/** What an element is known by among its siblings. */
function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset?.key || "" : "";
}

function isAlike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
}

/** What a person opened stays open, and what a script wrote on an element itself stays. */
const OWN_ATTRIBUTES = new Set(["open"]);

function morphAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !OWN_ATTRIBUTES.has(name)) old.removeAttribute(name);
  }
}

/** Make `old` what `fresh` is. Children of elements with `data-own` belong to a script, and stay. */
export function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  morphAttributes(old, fresh);
  if (!fresh.hasAttribute("data-own")) morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (keyOf(child)) keyed.set(keyOf(child), child);
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = keyOf(wanted) ? keyed.get(keyOf(wanted)) : null;
    const found = known && isAlike(known, wanted) ? known : place && !keyOf(place) && isAlike(place, wanted) ? place : null;
    if (!found) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    // An element that moves loses the focus: those in front of it go instead, where they aren't wanted any more.
    else if (found.contains(document.activeElement)) place = bringForward(old, place, found);
    else old.insertBefore(found, place);
    morph(found, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/** Move what stands between `place` and `found` behind `found`; what then follows `found`. */
function bringForward(parent, place, found) {
  const after = found.nextSibling;
  while (place && place !== found) {
    const next = place.nextSibling;
    parent.insertBefore(place, after);
    place = next;
  }
  return found.nextSibling;
}
