// Finding words in all turns of one session: which turns have them, the next, the one before, and the words marked.

import { $, $$, root } from "./dom.js";
import { onKeys } from "./keys.js";
import { go, turnHere, turns } from "./reading.js";

const TYPING_MS = 180, LOADING_MS = 6000;
const TOKEN = /[\p{L}\p{N}\p{Co}\p{M}]+/gu;  // as the index cuts text into words
const bar = $("#find"), input = $("input", bar), output = $("output", bar);
const conversation = bar.getAttribute("action");
let query = "", found = [], words = [], at = -1, shown = false, number = 0;

// -- asking the server --------------------------------------------------------------------------------------------------

async function ask(url) {
  const response = await fetch(url).catch(() => null);
  return response?.ok ? response.json() : null;
}

async function search(wanted) {
  const mine = ++number;
  query = wanted;
  const told = query ? await ask(`${conversation}/find?q=${encodeURIComponent(query)}`) : { turns: [], words: [] };
  if (mine !== number) return false;
  if (!told) { output.textContent = "no answer"; return false; }
  ({ turns: found, words } = told);
  shown = false;
  const here = Number(turnHere()?.dataset.seq ?? 0);
  const onPage = found.findIndex((seq) => seq >= here && document.getElementById(`t${seq}`));
  at = onPage >= 0 ? onPage : found.findIndex((seq) => document.getElementById(`t${seq}`));
  if (at < 0) at = Math.max(found.findIndex((seq) => seq >= here), 0);
  count();
  paint();
  return true;
}

function count() {
  output.textContent = !query ? "" : found.length ? `${at + 1} of ${found.length}` : "nothing found";
  output.title = found.length ? `${found.length} turns have all of these words` : "All words must occur in one turn";
}

// -- going there --------------------------------------------------------------------------------------------------------

async function show() {
  const seq = found[at], turn = document.getElementById(`t${seq}`), mine = number;
  count();
  if (seq === undefined) return;
  if (!turn) {
    location.href = `${conversation}?around=${seq}&find=${encodeURIComponent(query)}#t${seq}`;
    return;
  }
  shown = true;
  go(turn);
  paint();
  const told = await ask(`${root}/t/${turn.dataset.turn}/find.folds?q=${encodeURIComponent(query)}`);
  for (const name of told?.folds ?? []) {
    if (mine !== number || found[at] !== seq) return;
    await unfold($(`[data-part="${name}"], [data-key="${name}"]`, turn));
  }
  if (mine !== number || found[at] !== seq) return;
  const first = paint(turn)[0]?.getBoundingClientRect();
  if (first && (first.bottom > innerHeight - 40 || first.top < $(".bar").offsetHeight)) scrollBy(0, first.top - innerHeight / 3);
}

async function unfold(one) {
  if (!one) return;
  const link = $(":scope > a.load", one), box = $(":scope > input", one);
  if (one.localName === "details") one.open = true;
  else if (box && !box.checked) box.click();
  for (const end = Date.now() + LOADING_MS; link?.isConnected && !link.classList.contains("failed") && Date.now() < end;) {
    await new Promise((done) => setTimeout(done, 25));
  }
}

async function step(by) {
  if (input.value.trim() !== query && !await search(input.value.trim())) return;
  if (!found.length) return;
  if (shown) at = (at + by + found.length) % found.length;
  await show();
}

// -- marking the words --------------------------------------------------------------------------------------------------

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function isWanted(token) {
  const text = plain(token);
  return words.some((word) => word.prefix ? text.startsWith(word.text) : text === word.text);
}

// Returns the ranges that are in the given turn.
function paint(turn) {
  if (!globalThis.Highlight) return [];
  const all = [], here = [];
  for (const place of words.length ? $$(".turn > .prompt .words, .turn > .answer", turns) : []) {
    const walk = document.createTreeWalker(place, NodeFilter.SHOW_TEXT), mine = turn?.contains(place);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      for (const match of node.data.matchAll(TOKEN)) {
        if (!isWanted(match[0])) continue;
        const range = new StaticRange({ startContainer: node, startOffset: match.index, endContainer: node, endOffset: match.index + match[0].length });
        all.push(range);
        if (mine) here.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...all));
  return here.map(live).filter((range) => range.getClientRects().length);
}

function live(fixed) {
  const range = document.createRange();
  range.setStart(fixed.startContainer, fixed.startOffset);
  range.setEnd(fixed.endContainer, fixed.endOffset);
  return range;
}

let painting = 0;
new MutationObserver(() => {
  if (bar.hidden || !words.length) return;
  clearTimeout(painting);
  painting = setTimeout(paint, 60);
}).observe(turns, { childList: true, subtree: true });

// -- the bar ------------------------------------------------------------------------------------------------------------

function open() {
  bar.hidden = false;
  input.focus();
  input.select();
}

function close() {
  bar.hidden = true;
  number += 1;
  [query, found, words, at] = ["", [], [], -1];
  globalThis.CSS?.highlights?.delete("found");
  input.blur();
}

let typing = 0;
input.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(async () => {
    const wanted = input.value.trim();
    if (wanted !== query && await search(wanted) && document.getElementById(`t${found[at]}`)) show();
  }, TYPING_MS);
});

bar.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { event.stopPropagation(); close(); }
  if (event.key === "Enter" && event.target === input) { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
});
bar.addEventListener("submit", (event) => event.preventDefault());
bar.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.by) step(Number(button.dataset.by));
  else if (button) close();
});

onKeys({
  f: open,
  n: () => bar.hidden ? open() : step(1),
  N: () => bar.hidden ? open() : step(-1),
});

// From the turn before on another page.
const asked = new URLSearchParams(location.search).get("find");
if (asked) {
  bar.hidden = false;
  input.value = asked;
  search(asked).then((done) => {
    const place = found.indexOf(Number(location.hash.slice(2)));
    if (done && place >= 0) { at = place; show(); }
  });
}
