// Correcting a prompt where one sees it: an editor beside the original, with what changes word by word. What is typed
// outlives news of that turn and a reload of the page.

import { post } from "./act.js";
import { $, $$, element, root } from "./dom.js";
import { renew } from "./merge.js";
import { turnHere } from "./reading.js";
import { shown, wordDiff } from "./words.js";

const DRAFT = "procy-draft:";  // + the path of what is corrected, in this tab's storage
const PAUSE_MS = 120;  // after a key, before a long text is compared again
const QUICK = 6000;  // characters that are compared at every key
const begun = new WeakMap();  // editor -> what it began with
const FORM = `<form class="corrector" data-own aria-label="Correct this prompt">
  <div class="sides">
    <div class="was"><h4>As it was</h4><div class="text" tabindex="0" aria-label="The prompt as it was"></div></div>
    <div class="is"><h4><label>As it should have been</label></h4><textarea name="chosen" spellcheck="true"></textarea></div>
  </div>
  <h4 class="told">What changes</h4>
  <div class="text change" tabindex="0" aria-label="What changes"></div>
  <input type="text" name="note" maxlength="2000" placeholder="What was wrong with it, in one line" aria-label="What was wrong with it" autocomplete="off">
  <p class="problem" role="alert"></p>
  <div class="acts"><button class="save">Save</button> <small><kbd>Ctrl</kbd> <kbd>Enter</kbd></small> <button type="button" class="close">Close</button> <small><kbd>Esc</kbd></small>
  <span class="asks" role="alertdialog" aria-label="Close without saving?" hidden>Throw away what you typed? <button type="button" class="drop">Throw away</button> <button type="button" class="stay">Keep on</button></span></div>
</form>`;

// -- where --------------------------------------------------------------------------------------------------------------

// What holds a prompt, its mark and its editor.
const holderOf = (one) => one?.closest(".turn, tbody.try, .correction");
const pathOf = (link) => new URL(link.href).pathname;

function place(holder, form) {
  if (holder.localName !== "tbody") { ($(":scope > .prompt, :scope > .head", holder) ?? holder).after(form); return; }
  const row = document.createElement("tr"), cell = row.insertCell();
  row.dataset.own = "";
  cell.colSpan = holder.rows[0].cells.length;
  cell.append(form);
  holder.append(row);
}

export function correctHere() {
  const holder = turnHere() ?? holderOf(document.activeElement);
  const link = holder && $("a.correct", holder);
  if (link) open(link);
}

// -- the editor ---------------------------------------------------------------------------------------------------------

export async function open(link, isAsked = true) {
  const holder = holderOf(link), path = pathOf(link);
  const there = editorOf(path);
  if (there) { there.elements.chosen.focus(); return; }
  if (link.dataset.opening) return;
  link.dataset.opening = "1";
  const response = await fetch(`${path}?draft=1`).catch(() => null);
  delete link.dataset.opening;
  if (!response?.ok) { complain(holder, response); return; }
  const draft = await response.json();
  const at = link.isConnected ? holder : holderOf($$("a.correct").find((one) => pathOf(one) === path));
  if (at && !editorOf(path)) begin(at, path, draft, isAsked);
}

const editorOf = (path) => $$("form.corrector").find((one) => one.dataset.path === path);

function complain(holder, response) {
  dropComplaint(holder);
  const told = element('<p class="problem corrector-problem" role="alert" data-own></p>');
  told.textContent = !response ? "The pages do not answer. Start them again with: procy ui"
    : response.status === 403 ? "Not signed in any more. Sign in again with: procy open"
    : response.status === 404 ? "This prompt cannot be corrected: it is not there any more"
    : `The server failed (${response.status})`;
  place(holder, told);
}

function dropComplaint(holder) {
  const told = $(".corrector-problem", holder);
  (told?.closest("tr[data-own]") ?? told)?.remove();
}

export function begin(holder, path, draft, isAsked = true) {
  const form = element(FORM), { chosen, note } = form.elements, kept = stored(path);
  dropComplaint(holder);
  form.dataset.path = path;
  form.dataset.over = kept?.over ?? draft.over;
  $(".was .text", form).textContent = draft.prompt;
  if (/Mac|iP/.test(navigator.platform)) $("kbd", form).textContent = "⌘";
  const id = `corrected-${path.split("/").at(-1)}`;
  chosen.id = id;
  $("label", form).htmlFor = id;
  chosen.value = draft.chosen;
  note.value = draft.note;
  begun.set(form, { chosen: chosen.value, note: note.value, wholeNote: draft.note });
  if (kept) [chosen.value, note.value] = [kept.chosen, kept.note];
  if (draft.over) $(".is label", form).append(` (as ${draft.author || "somebody"} corrected it)`);
  follow(form, path, draft);
  place(holder, form);
  fit(chosen);
  if (isAsked) {
    chosen.focus({ preventScroll: true });
    chosen.setSelectionRange(chosen.value.length, chosen.value.length);
    form.scrollIntoView({ block: "nearest" });
  }
}

function follow(form, path, draft) {
  const { chosen, note } = form.elements;
  let timer = 0;
  const compare = () => {
    const pieces = wordDiff(draft.prompt, chosen.value), changes = pieces.filter(([kind]) => kind !== "same");
    $(".change", form).replaceChildren(...changes.length ? shown(pieces) : [new Text("Nothing yet.")]);
    $(".change", form).classList.toggle("none", !changes.length);
  };
  const typed = () => {
    store(path, isTyped(form) && { chosen: chosen.value, note: note.value, over: form.dataset.over });
    fit(chosen);
    clearTimeout(timer);
    if (chosen.value.length + draft.prompt.length < QUICK) compare();
    else timer = setTimeout(compare, PAUSE_MS);
  };
  compare();
  form.addEventListener("input", typed);
  form.addEventListener("submit", (event) => { event.preventDefault(); save(form, path); });
  form.addEventListener("keydown", (event) => onKey(event, form, path));
  $(".close", form).addEventListener("click", () => close(form, path));
  $(".drop", form).addEventListener("click", () => close(form, path, true));
  $(".stay", form).addEventListener("click", () => ask(form, false));
}

const isTyped = (form) => ["chosen", "note"].some((name) => form.elements[name].value !== begun.get(form)[name]);

function onKey(event, form, path) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(form, path); }
  else if (event.key === "Enter" && event.target.name === "note") event.preventDefault();  // a note is no place to save by accident
  else if (event.key === "Escape") {
    event.preventDefault();
    if ($(".asks", form).hidden) close(form, path);
    else ask(form, false);
  }
  event.stopPropagation();  // the page's own keys are letters here
}

function fit(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.rows = Math.min(Math.max(area.value.split("\n").length + 1, 4), 24);
}

function ask(form, isAsking) {
  $(".asks", form).hidden = !isAsking;
  (isAsking ? $(".stay", form) : form.elements.chosen).focus();
}

function close(form, path, isSure = false) {
  if (!isSure && isTyped(form)) { ask(form, true); return; }
  store(path, null);
  const holder = holderOf(form);
  (form.closest("tr[data-own]") ?? form).remove();
  $("a.correct", holder)?.focus({ preventScroll: true });
  holder.dispatchEvent(new CustomEvent("corrector-closed", { bubbles: true }));
}

async function save(form, path) {
  if (form.dataset.saving) return;
  const { chosen, note } = form.elements, button = $(".save", form);
  form.dataset.saving = "1";
  button.disabled = true;
  say(form, "");
  try {
    const [what, id] = path.split("/").slice(-2), was = begun.get(form);
    const values = { chosen: chosen.value, note: note.value === was.note ? was.wholeNote : note.value };
    if (form.dataset.over !== undefined) values.over = form.dataset.over;
    await post(`do/correct${what === "try" ? "-try" : ""}/${id}`, values);
  } catch (error) {
    say(form, error.message);
    if (error.message.includes("corrected meanwhile")) delete form.dataset.over;  // they know it now
    return;
  } finally {
    delete form.dataset.saving;
    button.disabled = false;
  }
  const holder = holderOf(form);
  close(form, path, true);
  await refresh(holder);
  const mark = $("details.corrected", holder);
  if (mark) mark.open = true;
}

function say(form, text) {
  $(".problem", form).textContent = text;
}

// -- what is there after an order ---------------------------------------------------------------------------------------

// A page that is live is told by itself as well; one of older turns is not.
export async function refresh(holder) {
  if (!holder?.id) return;
  const { turn, try: attempt } = holder.dataset;
  const url = turn ? `${root}/t/${turn}` : attempt ? `${root}/try/${attempt}` : location.href;
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(holder.id);
  if (fresh && holder.isConnected && fresh.dataset.version !== holder.dataset.version) renew(holder, fresh.outerHTML);
}

// -- drafts -------------------------------------------------------------------------------------------------------------

function store(path, draft) {
  try {
    if (draft) sessionStorage.setItem(DRAFT + path, JSON.stringify(draft));
    else sessionStorage.removeItem(DRAFT + path);
  } catch { /* no room: it lives as long as the page */ }
}

function stored(path) {
  try { return JSON.parse(sessionStorage.getItem(DRAFT + path)); } catch { return null; }
}

for (const link of $$("a.correct")) if (stored(pathOf(link))) open(link, false);

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.correct");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) { event.preventDefault(); open(link); }
});
