// Orders given by small forms on the page Training: exporting, training, cancelling.

import { post } from "./act.js";
import { $, root } from "./dom.js";

document.addEventListener("submit", async (event) => {
  const form = event.target.closest?.("form.export");
  if (!form) return;
  event.preventDefault();
  const button = $("button", form), told = $("output", form);
  button.disabled = true;
  told.className = "";
  told.textContent = form.dataset.while ?? "…";
  try {
    const path = new URL(form.action).pathname.slice(root.length + 1);
    told.textContent = (await post(path, Object.fromEntries(new FormData(form)))).done;
  } catch (error) {
    told.className = "problem";
    told.textContent = error.message;
  }
  button.disabled = false;
  button.focus();
});
