// Trainings and adapters, as they go.

import { $, element, root } from "./dom.js";
import { listen } from "./live.js";

const place = $("#trainings");

listen(`${root}/trainings/events`, "", (name, { id, version, html }) => {
  if (name !== "piece" || !place) return;
  const old = document.getElementById(id);
  if (old?.dataset.version === version) return;
  const open = $("details", old ?? place)?.open && old, log = open && $("pre", old);
  const atEnd = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  const held = old?.contains(document.activeElement);
  const fresh = old ?? place.insertBefore(element(`<article id="${id}"></article>`), place.firstChild);
  $(".nothing", place)?.remove();
  fresh.dataset.version = version;
  fresh.innerHTML = html;
  if (open && $("details", fresh)) {
    $("details", fresh).open = true;
    if (atEnd) $("pre", fresh).scrollTop = $("pre", fresh).scrollHeight;
  }
  if (held) $("button, summary", fresh)?.focus();
});
