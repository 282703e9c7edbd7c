// What is loaded when it is asked for: folded parts, and texts in full. Without this their links lead to pages of their own.

import { $, $$ } from "./dom.js";

export async function load(link) {
  if (link.dataset.loading) return;
  link.dataset.loading = "1";
  const url = new URL(link.href);
  url.searchParams.set("part", "1");
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) {
    delete link.dataset.loading;
    link.classList.add("failed");
    link.textContent = "could not be loaded; try again";
    return;
  }
  const part = document.createElement("template");
  part.innerHTML = await response.text();
  const clamp = link.closest(".clamp");
  if (clamp) fill(clamp, part.content, link);
  else link.replaceWith(part.content);
}

// A text in full takes the place of its beginning.
function fill(clamp, part, link) {
  if (link.dataset.part === "prompt") $(".body .text", clamp).textContent = $(".whole", part).textContent;
  else $(".body", clamp).replaceChildren(...$$(".whole > *", part));
  $(":scope > input", clamp).checked = true;
  delete $(":scope > label", clamp).dataset.more;
  link.remove();
}

document.addEventListener("toggle", (event) => {
  const link = event.target.open && $(":scope > a.load", event.target);
  if (link) load(link);
}, true);

document.addEventListener("change", (event) => {
  const link = event.target.matches(".clamp > input:checked") && $(":scope > a.load", event.target.parentElement);
  if (link) load(link);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.load");
  if (link && !event.metaKey && !event.ctrlKey) { event.preventDefault(); load(link); }
});

for (const link of $$("details[open] > a.load")) load(link);  // it was open before this file was there
