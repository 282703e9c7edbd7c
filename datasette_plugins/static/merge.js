// A turn that grew, put in the place of what is shown without disturbing who reads it: only what the server changed is
// replaced, and what was unfolded or loaded in there is so again before it is shown.

import { $, $$, element } from "./dom.js";
import { load } from "./parts.js";

const CONTAINERS = ".prompt, .words, .answer, .run";
const sent = new WeakMap();  // turn -> its HTML as the server sent it
const stale = new WeakSet();  // what waits for its successor to be loaded

export const remember = (turn, html = turn.outerHTML) => sent.set(turn, html);

export function renew(turn, html) {
  const was = element(sent.get(turn)), fresh = element(html), { version } = fresh.dataset;
  const refocus = focusIn(turn), here = turn.classList.contains("here");
  remember(turn, html);
  copyAttributes(fresh, turn);
  turn.classList.toggle("here", here);
  const exchange = async (old, one) => {
    stale.add(old);
    for (let links = carry(old, one); links.length; links = carry(old, one)) await Promise.all(links.map(load));
    if (turn.dataset.version !== version) return;
    old.replaceWith(one);
    refocus();
  };
  for (const one of merge(turn, was, fresh, exchange)) unfoldTwin(turn, one);
  refocus();
}

// Returns what is no longer there.
function merge(shown, was, fresh, exchange) {
  const known = byKey(was), mine = byKey(shown), gone = [];
  let place = shown.firstElementChild;
  for (const one of [...fresh.children]) {
    while (place && isOwn(place)) place = place.nextElementSibling;
    const key = keyOf(one), old = mine.get(key), before = known.get(key);
    mine.delete(key);
    if (!old) { shown.insertBefore(one, place); continue; }
    if (old === place) place = place.nextElementSibling;
    else shown.insertBefore(old, place);
    if (before?.outerHTML === one.outerHTML && !stale.has(old)) continue;
    if (before && isWhole(before) && isWhole(one)) {
      copyAttributes(one, old);
      gone.push(...merge(old, before, one, exchange));
    } else exchange(old, one);
  }
  for (const one of mine.values()) { one.remove(); gone.push(one); }
  return gone;
}

const keyOf = (one) => one.dataset.key ?? one.dataset.part ?? `${one.localName}.${one.className}`;
const isOwn = (one) => "own" in one.dataset;  // of the page, as what one types: the server knows nothing of it
const byKey = (parent) => new Map([...parent.children].filter((one) => !isOwn(one)).map((one) => [keyOf(one), one]));
const isWhole = (one) => one.matches(CONTAINERS) && !toLoad(one);  // came with all that is in it
const toLoad = (one) => $(":scope > a.load:not(.failed)", one);

function copyAttributes(from, to) {
  for (const { name } of [...to.attributes]) if (!from.hasAttribute(name) && name !== "open") to.removeAttribute(name);
  for (const { name, value } of from.attributes) to.setAttribute(name, value);
}

// Unfold in `fresh` what is unfolded in `old`; returns the links of what is to be loaded for that.
function carry(old, fresh) {
  const links = [];
  const pairs = details(old).filter((one) => one.open).map((one) => [one, details(fresh).find((twin) => keyOf(twin) === keyOf(one))]);
  for (const box of $$(".clamp > input:checked", old)) {
    pairs.push([box.parentElement, $(`#${CSS.escape(box.id)}`, fresh)?.parentElement]);
  }
  for (const [one, twin] of pairs) {
    if (!twin) continue;
    if (twin.localName === "details") twin.open = true;
    else $(":scope > input", twin).checked = true;
    if (!toLoad(one) && toLoad(twin)) links.push(toLoad(twin));
  }
  return links;
}

const details = (one) => [...(one.localName === "details" ? [one] : []), ...$$("details", one)];

// A call that stood alone may be in a run of calls now.
function unfoldTwin(turn, gone) {
  for (const one of details(gone)) {
    const twin = one.open && details(turn).find((other) => keyOf(other) === keyOf(one));
    for (let fold = twin; fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }
}

function focusIn(turn) {
  const active = document.activeElement;
  if (!turn.contains(active)) return () => {};
  const home = active.closest("[data-key], [data-part]"), key = home && keyOf(home), href = active.getAttribute("href");
  return () => {
    if (document.activeElement !== document.body) return;
    const within = key && $$("[data-key], [data-part]", turn).find((one) => keyOf(one) === key);
    const twin = active.isConnected ? active : $$(active.localName, within || turn).find((one) => one.getAttribute("href") === href);
    twin?.focus({ preventScroll: true });
  };
}
