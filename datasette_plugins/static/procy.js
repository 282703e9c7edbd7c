// What pages do beyond showing: load folded parts, take news as it happens, and be used by keyboard.
// Without this file everything can still be read.

import { correctHere } from "./correct.js";
import { $, $$, root } from "./dom.js";
import "./parts.js";
import { ends, step, turnHere, unfold } from "./reading.js";
import "./news.js";

// -- keys ---------------------------------------------------------------------------------------------------------------

const keys = {
  j: () => step(1),
  k: () => step(-1),
  g: () => ends(false),
  G: () => ends(true),
  c: correctHere,
  o: () => ($("#back") ?? (turnHere() && $("a.screen", turnHere())))?.click(),
  l: () => $("#follow")?.click(),
  n: () => $("#next-hit")?.click(),
  N: () => $("#previous-hit")?.click(),
  u: () => { location.href = $("#up")?.href ?? root; },
  Enter: unfold,
  "/": () => { $(".search input")?.focus(); $(".search input")?.select(); },
  "?": () => $("#keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (event.target.closest(".ap-player, .player") && !"oulnN/?".includes(event.key)) return;
  if (keys[event.key] && !$("#keys").open) { event.preventDefault(); keys[event.key](); }
});

// -- times --------------------------------------------------------------------------------------------------------------

function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (seconds < 45) return "now";
  for (const [limit, unit, name] of [[3600, 60, "min"], [86400, 3600, "h"], [86400 * 14, 86400, "d"]]) {
    if (seconds < limit) return `${Math.max(Math.floor(seconds / unit), 1)} ${name} ago`;
  }
  return null;
}

setInterval(() => {
  for (const time of $$("time[data-ago]")) time.textContent = ago(time.dateTime) ?? time.textContent;
}, 20000);

// -- search as one types ------------------------------------------------------------------------------------------------

const results = $("#results");
if (results) {
  const input = $(".search input");
  let last = input.value, timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const query = input.value.trim();
      if (query === last) return;
      last = query;
      const url = new URL(input.form.action);
      url.searchParams.set("q", query);
      const address = url.href;
      url.searchParams.set("part", "1");
      const response = await fetch(url);
      if (response.ok && query === last) { results.innerHTML = await response.text(); history.replaceState(null, "", address); }
    }, 180);
  });
}
