// A turn to the clipboard: as Markdown, or with its colours.

import { $, root } from "./dom.js";
import { onKeys } from "./keys.js";
import { turnHere } from "./reading.js";
import { tell } from "./toast.js";

async function text(turn, kind) {
  const response = await fetch(`${root}/t/${turn.dataset.turn}/copy.${kind}`).catch(() => null);
  if (!response?.ok) throw new Error("The turn could not be loaded");
  return response.text();
}

async function copy(turn, coloured) {
  const texts = { "text/plain": text(turn, "md"), ...(coloured ? { "text/html": text(turn, "html") } : {}) };
  const [first, other] = coloured ? [putAsOfOld, put] : [put, putAsOfOld];  // the new way washes HTML in this page first
  try {
    await first(texts).catch(() => other(texts));
    tell(coloured ? "Copied with colours" : "Copied as Markdown");
  } catch (error) { tell(`Not copied: ${error.message}`); }
}

// Takes promises, so that the browser knows at once whose click or key it was.
async function put(texts) {
  const blobs = Object.entries(texts).map(([type, one]) => [type, one.then((found) => new Blob([found], { type }))]);
  await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
}

// Where the page has no right to the clipboard, or was not loaded from this machine.
async function putAsOfOld(texts) {
  const found = await Promise.all(Object.entries(texts).map(async ([type, one]) => [type, await one]));
  const give = (event) => {
    for (const [type, one] of found) event.clipboardData.setData(type, one);
    event.preventDefault();
  };
  document.addEventListener("copy", give);
  const done = document.execCommand("copy");
  document.removeEventListener("copy", give);
  if (!done) throw new Error("the browser does not allow it");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-act^=copy]");
  if (button) copy(button.closest(".turn"), button.dataset.act === "copy-html");
});

onKeys({ y: () => turnHere() && copy(turnHere(), false) });
