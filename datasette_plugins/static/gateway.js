// The page Gateway: orders to upstreams, and what is new every two seconds while somebody looks.

import { post } from "./act.js";
import { $ } from "./dom.js";

const EVERY_MS = 2000;
const told = $("output.told");

function tell(text, isProblem) {
  told.hidden = false;
  told.textContent = text;
  told.classList.toggle("problem", isProblem);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-what]");
  if (!button) return;
  button.disabled = true;
  try {
    const answer = await post("do/gateway", { what: button.dataset.what, name: button.dataset.name });
    tell(answer.done, answer.is_well === false);
  } catch (error) {
    tell(error.message, true);
  }
  button.disabled = false;
  await renew(true);
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.settings");
  if (!form) return;
  event.preventDefault();
  const { text, before } = form.elements, button = $("button", form);
  button.disabled = true;
  try {
    const saved = await post("do/gateway-settings", { section: form.dataset.section, text: text.value, before: before.value });
    text.value = before.value = saved.text;
    tell(saved.done, false);
  } catch (error) {
    tell(error.message, true);
  }
  button.disabled = false;
  button.focus();
});

// Parts with the same name are replaced where they differ; one that somebody is in with the keyboard or the mouse's selection stays.
async function renew(isAsked = false) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]:not([data-still])")) {
    const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
    const isHeld = !isAsked && (part.contains(document.activeElement) || (getSelection().toString() && part.contains(getSelection().anchorNode)));
    if (!fresh || isHeld || fresh.innerHTML === part.innerHTML) continue;
    const name = part.contains(document.activeElement) ? document.activeElement.dataset?.name : null;
    part.replaceChildren(...fresh.childNodes);
    if (name) part.querySelector(`button[data-name="${CSS.escape(name)}"]`)?.focus();
  }
}

async function watch() {
  if (!document.hidden) await renew();
  setTimeout(watch, EVERY_MS);
}

if ($("[data-live]")) setTimeout(watch, EVERY_MS);
