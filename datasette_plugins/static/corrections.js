// The list of corrections, and what can be done with each wherever it is shown.

import { post } from "./act.js";
import { begin, refresh } from "./correct.js";
import { $, $$, element, root } from "./dom.js";
import { remember, renew } from "./merge.js";

const list = $("#corrections");
const all = () => $$(":scope > li", list);

for (const one of list ? all() : []) remember(one);

export function onCorrection(news) {
  const old = document.getElementById(`c${news.id}`);
  if (!list || old?.dataset.version === String(news.version)) return;
  if (old) { renew(old, news.html); return; }
  const fresh = element(news.html);
  const next = all().find((one) => one.dataset.order < fresh.dataset.order);
  if (!next && all().length && $("#later")) return;  // one of a later page
  remember(fresh, news.html);
  steady(() => list.insertBefore(fresh, next ?? null));
  $("main > .message")?.remove();
}

// Who reads further below stays there.
function steady(change) {
  const edge = $(".bar").offsetHeight, isReading = list.getBoundingClientRect().top < edge || list.contains(document.activeElement);
  const anchor = isReading && all().find((one) => one.getBoundingClientRect().bottom > edge);
  const before = anchor && anchor.getBoundingClientRect().top;
  change();
  if (anchor) scrollBy(0, anchor.getBoundingClientRect().top - before);
}

// -- delete and restore -------------------------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-do]");
  if (!button || button.disabled) return;
  const holder = button.closest(".turn, tbody.try, .correction");
  button.disabled = true;
  try {
    await post(`do/${button.dataset.do}`);
    if (!holder) location.reload();
    await refresh(holder);
  } catch (error) {
    button.title = error.message;
    button.after(problem(error.message));
  }
  button.disabled = false;
});

function problem(text) {
  const told = element('<span class="problem" role="alert"></span>');
  told.textContent = text;
  setTimeout(() => told.remove(), 8000);
  return told;
}

// -- another turn -------------------------------------------------------------------------------------------------------

const form = $("#add");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const handle = form.elements.turn.value.trim(), told = $(":scope > .problem", form);
  const response = await fetch(`${root}/corrections/turn/${encodeURIComponent(handle)}?draft=1`).catch(() => null);
  told.textContent = response?.ok ? "" : response?.status === 404 ? `There is no turn ${handle}. Name it as last:4, or by its id` : "The pages do not answer";
  if (!response?.ok) return;
  const draft = await response.json();
  $(".adding")?.remove();
  const box = element('<section class="adding correction"><div class="head"><b></b></div></section>');
  $("b", box).textContent = draft.title;
  form.after(box);
  box.addEventListener("corrector-closed", () => { box.remove(); form.reset(); form.elements.turn.focus(); });
  begin(box, `${root}/${draft.path}`, draft);
});
