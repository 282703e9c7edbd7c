// What a reader leaves here: bookmarks, tags, and how far one has read.

import { post } from "./act.js";
import { $, $$, element } from "./dom.js";
import { onKeys } from "./keys.js";
import { allTurns, atEnd, turnHere, turns } from "./reading.js";
import { tell } from "./toast.js";

const DWELL_MS = 700;  // at the end of a page, before what is on it counts as read

// -- bookmarks ----------------------------------------------------------------------------------------------------------

function press(button, on) {
  button.setAttribute("aria-pressed", on);
  button.textContent = on ? "★" : "☆";
}

async function star(turn) {
  const button = $(".star", turn), was = button.getAttribute("aria-pressed") === "true";
  press(button, !was);
  try {
    const told = await post(`do/bookmark/${turn.dataset.turn}`, was ? { off: "1" } : {});
    $("#bookmarks").replaceWith(element(told.html));
    tell(was ? "Bookmark taken away" : "Bookmarked");
  } catch (error) {
    press($(".star", turn), was);
    tell(error.message);
  }
}

// -- tags ---------------------------------------------------------------------------------------------------------------

async function change(place, path, values) {
  try {
    const told = await post(path, values), fresh = document.createElement("template");
    fresh.innerHTML = told.html;
    place.replaceChildren(fresh.content);
    const known = $("#known-tags");
    for (const tag of told.tags) if (![...known.options].some((one) => one.value === tag)) known.append(new Option("", tag));
    return true;
  } catch (error) {
    tell(error.message);
    return false;
  }
}

function ask(place, path, back) {
  const input = $(".ask-tag", place) ?? document.createElement("input");
  Object.assign(input, { className: "ask-tag", maxLength: 40, placeholder: "tag", autocomplete: "off", spellcheck: false });
  input.setAttribute("list", "known-tags");
  input.setAttribute("aria-label", "Tag to put on");
  place.append(input);
  input.focus();
  input.onkeydown = async (event) => {
    if (event.key === "Escape") { event.stopPropagation(); input.remove(); back?.focus(); }
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (!input.value.trim()) input.remove();
    else if (await change(place, path, { tag: input.value })) back?.focus({ preventScroll: true });
  };
  input.onblur = () => { if (!input.value) input.remove(); };
}

const tagTurn = (turn, back) => ask($(".labels", turn), `do/tag-turn/${turn.dataset.turn}`, back);
const ofSession = $(".of-session");

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-act], button.untag");
  if (!button) return;
  const turn = button.closest(".turn");
  if (button.dataset.act === "star") star(turn);
  else if (button.dataset.act === "tag") tagTurn(turn, button);
  else if (button.dataset.act === "tag-session") ask($("#session-labels"), `do/tag-session/${ofSession.dataset.session}`, button);
  else if (button.matches(".untag")) {
    const path = turn ? `do/tag-turn/${turn.dataset.turn}` : `do/tag-session/${ofSession.dataset.session}`;
    change(turn ? $(".labels", turn) : $("#session-labels"), path, { tag: button.dataset.tag, off: "1" });
  }
});

onKeys({
  b: () => turnHere() && star(turnHere()),
  t: () => turnHere() && tagTurn(turnHere()),
});

// A link to a turn of this page needs no other page.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-to]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || !document.getElementById(link.dataset.to)) return;
  event.preventDefault();
  if (location.hash === `#${link.dataset.to}`) document.getElementById(link.dataset.to).scrollIntoView();
  else location.hash = link.dataset.to;
});

// -- how far one has read -----------------------------------------------------------------------------------------------

let known = Number(turns.dataset.seen ?? Infinity), timer = 0;

async function read() {
  const last = Number(allTurns().at(-1)?.dataset.seq ?? 0), before = known;
  if (document.hidden || !atEnd() || last <= known) return;
  known = last;
  await post(`do/seen/${turns.dataset.session}`, { seq: last }).catch(() => { known = before; });
}

function look() {
  clearTimeout(timer);
  timer = setTimeout(read, DWELL_MS);
}

if ("seen" in turns.dataset) {
  look();
  addEventListener("scroll", look, { passive: true });
  document.addEventListener("visibilitychange", look);
  new MutationObserver(look).observe(turns, { childList: true });
}
