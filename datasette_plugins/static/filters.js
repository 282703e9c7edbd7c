// Filters of the list of sessions: saved under a name, and deleted.

import { post } from "./act.js";
import { $, $$ } from "./dom.js";

const form = $("#save-filter");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await post("do/save-filter", { name: form.elements.name.value, query: form.dataset.query });
    location.reload();
  } catch (error) { $("output", form).textContent = error.message; }
});

for (const button of $$(".saved .drop")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    await post("do/drop-filter", { name: button.dataset.name }).then(() => button.parentElement.remove(), (error) => {
      button.disabled = false;
      button.title = error.message;
    });
  });
}

// Fields that are empty would only make the address longer.
$(".filter > form")?.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});
