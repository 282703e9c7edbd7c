// A run that goes on: its head and its tries change, and what one reads stays where it is on the screen.

import { $, $$, element } from "./dom.js";
import { remember, renew } from "./merge.js";

export const tries = $("#tries");
const all = () => $$("tbody.try", tries);
const edge = () => $(".bar").offsetHeight;
export const atTop = () => tries.getBoundingClientRect().top >= edge();

for (const one of tries ? all() : []) remember(one);

export function onHead(news) {
  const head = $("#head");
  if (!head || head.dataset.version === news.version) return;
  const goal = $("details.goal", head)?.open, refocus = focusIn(head);
  head.dataset.version = news.version;
  steady(() => { head.innerHTML = news.html; });
  if (goal) $("details.goal", head).open = true;
  refocus();
}

export function onTree(news) {
  const lineage = $("#lineage");
  if (!lineage || lineage.dataset.version === news.version || "whole" in lineage.dataset) return;
  const tree = $("#tree"), old = $(".scroller", tree), refocus = focusIn(tree);
  const [x, y] = old ? [old.scrollLeft, old.scrollTop] : [0, 0];
  const atEnd = !old || old.scrollLeft + old.clientWidth >= old.scrollWidth - 4;
  lineage.dataset.version = news.version;
  steady(() => { tree.innerHTML = news.html; lineage.hidden = !tree.childElementCount; });
  const scroller = $(".scroller", tree);
  scroller?.scrollTo(atEnd ? scroller.scrollWidth : x, y);
  refocus();
}

// Returns what brings the focus back to where it was, when all of it was put in anew.
function focusIn(box) {
  const active = document.activeElement;
  if (!box.contains(active)) return () => {};
  const { id } = active, href = active.getAttribute("href");
  return () => {
    const twin = id ? document.getElementById(id) : $$("a", box).find((one) => one.getAttribute("href") === href);
    twin?.focus({ preventScroll: true });
  };
}

// Returns whether it is a new one that is out of sight.
export function onTry(news) {
  const old = document.getElementById(`try${news.seq}`);
  if (!tries || old?.dataset.version === news.version) return false;
  steady(() => old ? renew(old, news.html) : add(news));
  return !old && !atTop();
}

function add(news) {
  const one = element(news.html);
  remember(one, news.html);
  tries.insertBefore(one, all().find((other) => Number(other.dataset.seq) < news.seq) ?? null);
  tries.hidden = false;
  $("#none")?.remove();
}

function steady(change) {
  const isReading = !atTop() || tries.contains(document.activeElement) || $("tbody details[open]", tries);
  const anchor = isReading && all().find((one) => one.getBoundingClientRect().bottom > edge());
  const before = anchor && anchor.getBoundingClientRect().top;
  change();
  if (anchor) scrollBy(0, anchor.getBoundingClientRect().top - before);
}
