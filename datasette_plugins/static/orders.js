// Orders to a run. A link opens what would happen in a dialog; its form gives the order, and says what was done or what is wrong.

import { post } from "./act.js";
import { $, root } from "./dom.js";

const dialog = $("#order");

async function open(link) {
  const url = new URL(link.href);
  url.searchParams.set("part", "1");
  link.setAttribute("aria-busy", "true");
  const response = await fetch(url).catch(() => null);
  link.removeAttribute("aria-busy");
  if (!response?.ok) { location.href = link.href; return; }
  dialog.innerHTML = await response.text();
  dialog.showModal();
  ($("textarea, .main, .close", dialog) ?? dialog).focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.order");
  if (link && dialog && !event.metaKey && !event.ctrlKey && !event.shiftKey) { event.preventDefault(); open(link); }
  if (event.target.closest?.(".order .close")) dialog?.open ? dialog.close() : history.back();
  if (event.target === dialog) dialog.close();  // beside it
});

document.addEventListener("input", (event) => {
  const form = event.target.closest?.(".order form");
  if (event.target.name === "branch") $("[value=branch]", form).checked = true;
  if (event.target.name !== "prompt") return;
  const same = event.target.value.trim() === event.target.defaultValue.trim() || !event.target.value.trim();
  $("[value=edit]", form).disabled = same;
  $("[value=send]", form).disabled = !same;
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.(".order form");
  if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit($("button:not([disabled]):not(.close)", form));
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest?.(".order form");
  if (!form || form.method === "dialog") return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form)), trouble = $("[role=alert]", form), buttons = form.querySelectorAll("button");
  if (event.submitter?.name) values[event.submitter.name] = event.submitter.value;
  const off = [...buttons].map((one) => one.disabled);
  for (const one of buttons) one.disabled = true;
  trouble.hidden = true;
  event.submitter?.setAttribute("aria-busy", "true");
  try {
    const told = await post(new URL(form.action).pathname.slice(root.length + 1), values);
    said(form.closest(".order"), told.done);
  } catch (error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
    buttons.forEach((one, place) => { one.disabled = off[place]; });
    event.submitter?.focus();
  }
  event.submitter?.removeAttribute("aria-busy");
});

function said(order, text) {
  const words = document.createElement("p"), close = document.createElement("button");
  words.className = "done";
  words.setAttribute("role", "status");
  words.textContent = text;
  close.className = "close main";
  close.textContent = "Close";
  const row = document.createElement("div");
  row.className = "buttons";
  row.append(close);
  order.replaceChildren($("h2", order), words, row);
  close.focus();
}
