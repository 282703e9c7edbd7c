// What pages do beyond showing: load folded parts, take news as it happens, and be used by keyboard.
// Without this file everything can still be read.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const root = document.body.dataset.root;
const pill = $("#pill");

// -- parts ---------------------------------------------------------------------------------------------------------

async function load(link) {
  if (link.dataset.loading) return;
  link.dataset.loading = "1";
  const url = new URL(link.href);
  url.searchParams.set("part", "1");
  const response = await fetch(url);
  if (!response.ok) { delete link.dataset.loading; link.textContent = "could not be loaded; try again"; return; }
  const part = document.createElement("template");
  part.innerHTML = await response.text();
  const said = link.closest(".said");
  if (said && link.dataset.part?.startsWith("step-")) {  // a text in full takes the place of its beginning
    $(".body", said).replaceChildren(...$$(".whole > *", part.content));
    const open = $("input", said);
    if (open) open.checked = true;
    link.remove();
  } else if (link.dataset.part === "prompt") {
    $(".body .text", link.closest(".words")).textContent = part.content.textContent.trim();
    link.remove();
  } else {
    link.replaceWith(part.content);
  }
}

document.addEventListener("toggle", (event) => {
  const link = event.target.open && $(":scope > a.load", event.target);
  if (link) load(link);
}, true);

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.load");
  if (link && !event.metaKey && !event.ctrlKey) { event.preventDefault(); load(link); }
});

// -- where one is -----------------------------------------------------------------------------------------------------

const turns = $("#turns");
const titles = $("#titles");
let here = null;

function mark(turn) {
  if (turn === here) return;
  here?.classList.remove("here");
  here = turn;
  here?.classList.add("here");
  for (const title of $$("li.here", titles ?? document.body)) title.classList.remove("here");
  const title = here && titles && $(`li[data-seq="${here.dataset.seq}"]`, titles);
  if (title) {
    title.classList.add("here");
    title.scrollIntoView({ block: "nearest" });
  }
  const screen = here && $("a.screen", here);
  const tab = $("#to-terminal");
  if (tab && screen) tab.href = screen.href;
}

function turnAtTop() {
  const line = 46 + 40;
  const all = $$(".turn", turns);
  if (atEnd() && all.length && scrollY > 0) {
    const visible = all.filter((turn) => turn.getBoundingClientRect().top < innerHeight - 60);
    if (here && visible.includes(here) && here.getBoundingClientRect().bottom > line) return here;
  }
  return all.findLast((turn) => turn.getBoundingClientRect().top <= line) ?? all[0];
}

let scrolling = 0;
if (turns) {
  addEventListener("scroll", () => {
    if (Date.now() < scrolling) return;
    mark(turnAtTop());
  }, { passive: true });
}

const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 80;

function go(turn) {
  if (!turn) return;
  scrolling = Date.now() + 250;
  turn.scrollIntoView({ block: "start" });
  mark(turn);
}

if (turns) {
  const wanted = location.hash.startsWith("#t") && document.getElementById(location.hash.slice(1));
  const all = $$(".turn", turns);
  if (wanted) go(wanted);
  else if (location.hash === "#end" || !new URLSearchParams(location.search).has("after")) {
    go(all.at(-1));
    scrollTo(0, document.documentElement.scrollHeight);
  } else go(all[0]);
  addEventListener("hashchange", () => go(document.getElementById(location.hash.slice(1))));
}

// -- keys ---------------------------------------------------------------------------------------------------------------

const list = turns ? () => $$(".turn", turns) : $("#sessions") ? () => $$("#sessions > li") : $(".hits") ? () => $$(".hits > li") : () => [];

function step(by) {
  const all = list();
  if (!turns) {
    const at = all.findIndex((one) => one.contains(document.activeElement));
    $("a.cover", all[Math.min(Math.max(at + by, 0), all.length - 1)] ?? document.createElement("p"))?.focus();
    return;
  }
  const next = all[all.indexOf(here) + by];
  if (next) go(next);
  else if (by > 0) $("#later") ? $("#later").click() : scrollTo(0, document.documentElement.scrollHeight);
  else $("#earlier") ? (location.href = $("#earlier").href + "#end") : scrollTo(0, 0);
}

function ends(last) {
  const all = list();
  if (turns) { go(all.at(last ? -1 : 0)); scrollTo(0, last ? document.documentElement.scrollHeight : 0); }
  else $("a.cover", all.at(last ? -1 : 0) ?? document.body)?.focus();
}

function unfold() {
  if (!here) return;
  const folds = $$("details", here).filter((one) => !one.parentElement.closest("details"));
  const boxes = $$(".clamp > input", here);
  const open = folds.some((one) => !one.open) || boxes.some((one) => !one.checked);
  for (const one of folds) one.open = open;
  for (const one of boxes) one.checked = open;
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  g: () => ends(false),
  G: () => ends(true),
  o: () => ($("#back") ?? (here && $("a.screen", here)))?.click(),
  u: () => { location.href = root; },
  Enter: unfold,
  "/": () => { $(".search input").focus(); $(".search input").select(); },
  "?": () => $("#keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (event.target.closest(".ap-player, .player") && !"ou/?".includes(event.key)) return;
  if (keys[event.key] && !$("#keys").open) { event.preventDefault(); keys[event.key](); }
});

// -- news ---------------------------------------------------------------------------------------------------------------

function keepOpen(before, after) {
  for (const old of $$("details[open]", before)) {
    const key = old.dataset.key ?? old.dataset.part;
    const fresh = key && $$("details", after).find((one) => (one.dataset.key ?? one.dataset.part) === key);
    if (!fresh) continue;
    if (!$(":scope > a.load", old) && $(":scope > a.load", fresh) && old.classList.contains("call")
        && $("summary em", old)?.textContent === $("summary em", fresh)?.textContent) {
      fresh.replaceChildren($("summary", fresh), ...[...old.children].slice(1));
    }
    fresh.open = true;
  }
  for (const box of $$(".clamp > input:checked", before)) {
    const fresh = after.querySelector(`#${CSS.escape(box.id)}`);
    if (fresh) fresh.checked = true;
  }
}

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

let unseen = 0;

function onTitle(news) {  // beside the terminal
  const title = element(news.title);
  const link = $("a", title);
  if (!link) return;
  link.setAttribute("href", `?turn=${news.id}`);
  const old = $(`li[data-seq="${news.seq}"]`, titles);
  if (old) { title.classList.toggle("here", old.classList.contains("here")); old.replaceWith(title); }
  else titles.append(title);
}

function onTurn(news) {
  if (!turns) { onTitle(news); return; }
  const end = atEnd();
  const old = document.getElementById(`t${news.seq}`);
  if (old?.dataset.version === news.version) return;
  const fresh = element(news.html);
  if (old) {
    keepOpen(old, fresh);
    old.replaceWith(fresh);
    if (old === here) { here = null; mark(fresh); }
  } else {
    const next = $$(".turn", turns).find((turn) => Number(turn.dataset.seq) > news.seq);
    turns.insertBefore(fresh, next ?? null);
    $("#none")?.remove();
  }
  const title = element(news.title);
  const oldTitle = $(`li[data-seq="${news.seq}"]`, titles);
  if (oldTitle) { title.classList.toggle("here", oldTitle.classList.contains("here")); oldTitle.replaceWith(title); }
  else titles.append(title);
  if (end) {
    scrolling = Date.now() + 250;
    scrollTo(0, document.documentElement.scrollHeight);
    if (!old) mark(fresh);
  } else if (!old) {
    unseen += 1;
    pill.textContent = unseen === 1 ? "1 new turn ↓" : `${unseen} new turns ↓`;
    pill.hidden = false;
  }
}

pill.addEventListener("click", () => { if (turns) ends(true); });
addEventListener("scroll", () => { if (unseen && atEnd()) { unseen = 0; pill.hidden = true; } }, { passive: true });

function onSession(news) {
  const old = document.getElementById(`s${news.id}`);
  if (old?.dataset.version === news.version) return;
  const fresh = element(news.html);
  const focused = old?.contains(document.activeElement);
  if (old) old.replaceWith(fresh);
  else $("#sessions").prepend(fresh);
  if (focused) $("a.cover", fresh).focus();
  $("main > .message")?.remove();
}

const on = {
  turn: onTurn,
  session: onSession,
  state: (news) => { $("#state").innerHTML = news.html; },
  behind: () => { pill.innerHTML = "Much has happened. <a href=''>Load it</a>"; pill.hidden = false; },
};

let source = null;
let since = document.body.dataset.since ?? "";

function listen() {
  const url = document.body.dataset.events;
  if (!url || source) return;
  source = new EventSource(`${url}?since=${encodeURIComponent(since)}`);
  for (const [name, act] of Object.entries(on)) {
    source.addEventListener(name, (event) => {
      if (event.lastEventId) since = event.lastEventId;
      act(JSON.parse(event.data));
    });
  }
}

// A browser allows six connections to one server, all tabs together: one that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { source?.close(); source = null; } else listen();
});
addEventListener("pagehide", () => { source?.close(); source = null; });
addEventListener("pageshow", () => { if (!document.hidden) listen(); });

// -- times and search -----------------------------------------------------------------------------------------------------

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
