// What happens while a page is open: turns, the agent's state, sessions; and a word when it is not live.

import { $, $$, element } from "./dom.js";
import { remember, renew } from "./merge.js";
import { allTurns, atEnd, ends, goToEnd, mark, titles, turns } from "./reading.js";

const PATIENCE_MS = 5000;  // without an answer, before it is said
const pill = $("#pill");
const trouble = { silent: "", behind: false };
let unseen = 0;

function showPill() {
  const link = turns ? $("#to-conversation").href : "";
  if (trouble.silent) pill.textContent = trouble.silent;
  else if (trouble.behind) pill.innerHTML = `Much has happened. <a href="${link}">Load it</a>`;
  else pill.textContent = unseen === 1 ? "1 new turn ↓" : `${unseen} new turns ↓`;
  pill.hidden = !(trouble.silent || trouble.behind || unseen);
}

pill.addEventListener("click", () => { if (turns && unseen) ends(true); });
addEventListener("scroll", () => { if (unseen && atEnd()) { unseen = 0; showPill(); } }, { passive: true });

// -- turns --------------------------------------------------------------------------------------------------------------

for (const turn of turns ? allTurns() : []) remember(turn);

function onTurn(news) {
  if (turns && document.getElementById(`t${news.seq}`)?.dataset.version === news.version) return;
  onTitle(news);
  if (!turns) return;
  const end = atEnd();
  const old = document.getElementById(`t${news.seq}`);
  if (old) renew(old, news.html);
  else add(news);
  if (end) {
    goToEnd();
    if (!old) mark(document.getElementById(`t${news.seq}`));
  } else if (!old) {
    unseen += 1;
    showPill();
  }
}

function add(news) {
  const turn = element(news.html);
  remember(turn, news.html);
  turns.insertBefore(turn, allTurns().find((one) => Number(one.dataset.seq) > news.seq) ?? null);
  $("#none")?.remove();
}

function onTitle(news) {
  const title = element(news.title);
  if (!turns) $("a", title).setAttribute("href", `?turn=${news.id}`);
  const old = $(`li[data-seq="${news.seq}"]`, titles);
  if (!old) { titles.append(title); return; }
  title.classList.toggle("here", old.classList.contains("here"));
  const focused = old.contains(document.activeElement);
  old.replaceWith(title);
  if (focused) $("a", title).focus({ preventScroll: true });
}

// -- sessions -----------------------------------------------------------------------------------------------------------

const isLive = (row) => row.dataset.order.startsWith("1");

function onSession(news) {
  const old = document.getElementById(`s${news.id}`);
  if (old?.dataset.version === news.version) return;
  const fresh = element(news.html);
  const focused = old?.contains(document.activeElement) && document.activeElement.getAttribute("href");
  if (old && isLive(old) === isLive(fresh)) old.replaceWith(fresh);  // a row that one reads stays where it is
  else {
    old?.remove();
    if ("recordedNow" in document.body.dataset && !isLive(fresh)) return;
    const rows = $$("#sessions > li");
    $("#sessions").insertBefore(fresh, rows.find((one) => one.dataset.order < fresh.dataset.order) ?? null);
  }
  if (focused) $$("a", fresh).find((one) => one.getAttribute("href") === focused)?.focus();
  $("main > .message")?.remove();
}

// -- the stream ---------------------------------------------------------------------------------------------------------

const on = {
  turn: onTurn,
  session: onSession,
  state: (news) => { $("#state").innerHTML = news.html; },
  behind: () => { trouble.behind = true; showPill(); leave(); },
};

let source = null;
let since = document.body.dataset.since ?? "";
let patience = 0;

function listen() {
  const url = document.body.dataset.events;
  if (!url || source || trouble.behind) return;
  source = new EventSource(`${url}?since=${encodeURIComponent(since)}`);
  source.onopen = () => say("");
  source.onerror = () => {
    patience ||= setTimeout(() => say("Not live: the pages do not answer"), PATIENCE_MS);
    if (source.readyState === EventSource.CLOSED) refused();
  };
  for (const [name, act] of Object.entries(on)) {
    source.addEventListener(name, (event) => {
      if (event.lastEventId) since = event.lastEventId;
      act(JSON.parse(event.data));
    });
  }
}

function leave() {
  source?.close();
  source = null;
}

function say(text) {
  clearTimeout(patience);
  patience = 0;
  trouble.silent = text;
  showPill();
}

// The browser does not ask again by itself after an answer that is no stream.
async function refused() {
  leave();
  const response = await fetch(location.href, { method: "HEAD" }).catch(() => null);
  if (response?.status === 403) say("Not live: sign in again with procy open");
  setTimeout(() => { if (!document.hidden) listen(); }, PATIENCE_MS);
}

// A browser allows six connections to one server, all tabs together: one that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => document.hidden ? leave() : listen());
addEventListener("pagehide", leave);
addEventListener("pageshow", () => { if (!document.hidden) listen(); });
