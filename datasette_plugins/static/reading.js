// Which turn one is at, and how one gets to others.

import { $, $$ } from "./dom.js";

export const turns = $("#turns");
export const titles = $("#titles");
const ENTRY = "a.cover, summary, .correction :is(a, button)";  // of a row in a list: what the keyboard goes to
const SCROLL_MS = 250;  // after a jump, scrolling does not move the mark
let here = null;
let jumped = 0;

const bar = () => $(".bar").offsetHeight;
export const turnHere = () => here;
export const allTurns = () => $$(".turn", turns);
export const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 80;

export function mark(turn) {
  if (turn === here) return;
  here?.classList.remove("here");
  here = turn;
  here?.classList.add("here");
  markTitle(here?.dataset.seq);
  const screen = here && $("a.screen", here);
  const tab = $("#to-terminal");
  if (tab && screen) tab.href = screen.href;
}

export function markTitle(seq) {
  for (const title of $$("li.here", titles ?? document.body)) title.classList.remove("here");
  const title = titles && $(`li[data-seq="${seq}"]`, titles);
  title?.classList.add("here");
  if (title) reveal(title);
  return title;
}

// Scrolls the list and never the page: in a narrow window the list stands above what one looks at.
function reveal(title, center = false) {
  const list = title.closest(".outline"), outer = list.getBoundingClientRect(), inner = title.getBoundingClientRect();
  if (center) list.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
  else list.scrollTop += Math.min(inner.top - outer.top, 0) + Math.max(inner.bottom - outer.bottom, 0);
}

function turnAtTop() {
  const line = bar() + 40;
  const all = allTurns();
  if (atEnd() && all.length && scrollY > 0) {
    const visible = all.filter((turn) => turn.getBoundingClientRect().top < innerHeight - 60);
    if (here && visible.includes(here) && here.getBoundingClientRect().bottom > line) return here;
  }
  return all.findLast((turn) => turn.getBoundingClientRect().top <= line) ?? all[0];
}

export function go(turn) {
  if (!turn) return;
  jumped = Date.now() + SCROLL_MS;
  turn.scrollIntoView({ block: "start" });
  mark(turn);
}

export function goToEnd() {
  jumped = Date.now() + SCROLL_MS;
  scrollTo(0, document.documentElement.scrollHeight);
}

// -- steps by keyboard --------------------------------------------------------------------------------------------------

function rows() {
  return $$(turns ? "#turns > .turn" : titles ? "#titles > li" : "ol.sessions > li, #tries > .try, #corrections > li, .hits > li");
}

export function step(by) {
  const all = rows();
  if (turns) { stepTurn(all[all.indexOf(here) + by], by); return; }
  const at = all.findIndex((one) => titles ? one.classList.contains("here") : one.contains(document.activeElement));
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  if (!titles) $(ENTRY, next ?? document.body)?.focus();
  else if (next !== all[at]) $("a", next).click();
}

function stepTurn(next, by) {
  if (next) go(next);
  else if (by > 0) $("#later") ? $("#later").click() : goToEnd();
  else $("#earlier") ? (location.href = $("#earlier").href + "#end") : scrollTo(0, 0);
}

export function ends(last) {
  const row = rows().at(last ? -1 : 0);
  if (!row) return;
  if (turns) { go(row); last ? goToEnd() : scrollTo(0, 0); } else $(titles ? "a" : ENTRY, row).focus();
}

export function unfold() {
  if (!here) return;
  const folds = $$("details", here).filter((one) => !one.parentElement.closest("details"));
  const boxes = $$(".clamp > input", here);
  const open = folds.some((one) => !one.open) || boxes.some((one) => !one.checked);
  for (const one of folds) one.open = open;
  for (const one of boxes) if (one.checked !== open) one.click();
}

// -- where one begins ---------------------------------------------------------------------------------------------------

function begin() {
  const asked = new URLSearchParams(location.search);
  const wanted = location.hash.startsWith("#t") ? location.hash.slice(1) : asked.has("around") ? `t${asked.get("around")}` : "";
  const turn = wanted && document.getElementById(wanted);
  const all = allTurns();
  if (turn) go(turn);
  else if (location.hash === "#end" || !(asked.has("after") || asked.has("around"))) { go(all.at(-1)); goToEnd(); }
  else go(all[0]);
}

if (turns) {
  begin();
  addEventListener("hashchange", () => go(document.getElementById(location.hash.slice(1))));
  addEventListener("scroll", () => { if (Date.now() >= jumped) mark(turnAtTop()); }, { passive: true });
} else if (titles) {
  const title = $("li.here", titles);
  if (title) reveal(title, true);
}
