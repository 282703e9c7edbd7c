// What happens while a page is open: turns, the agent's state, sessions, runs and tries; and a word when it is not live.

import { onCorrection } from "./corrections.js";
import { $, $$, element } from "./dom.js";
import { atTop, onHead, onTree, onTry, tries } from "./evolve.js";
import { listen, onSilence } from "./live.js";
import { remember, renew } from "./merge.js";
import { allTurns, atEnd, ends, goToEnd, mark, titles, turns } from "./reading.js";

const pill = $("#pill");
const trouble = { silent: "", behind: false };
let unseen = 0;

function showPill() {
  const link = turns ? $("#to-conversation").href : "";
  if (trouble.silent) pill.textContent = trouble.silent;
  else if (trouble.behind) pill.innerHTML = `Much has happened. <a href="${link}">Load it</a>`;
  else if (tries) pill.textContent = unseen === 1 ? "1 new try ↑" : `${unseen} new tries ↑`;
  else pill.textContent = unseen === 1 ? "1 new turn ↓" : `${unseen} new turns ↓`;
  pill.hidden = !(trouble.silent || trouble.behind || unseen);
}

pill.addEventListener("click", () => {
  if (unseen && turns) ends(true);
  else if (unseen) tries.scrollIntoView();
});
addEventListener("scroll", () => { if (unseen && (tries ? atTop() : atEnd())) { unseen = 0; showPill(); } }, { passive: true });

// -- turns --------------------------------------------------------------------------------------------------------------

for (const turn of turns ? allTurns() : []) remember(turn);

function onTurn(news) {
  if (turns && document.getElementById(`t${news.seq}`)?.dataset.version === news.version) return;
  onTitle(news);
  if (!turns) return;
  const end = atEnd() && !document.activeElement.closest("form[data-own]");  // who writes is not scrolled away
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

// -- sessions and runs --------------------------------------------------------------------------------------------------

const isLive = (row) => row.dataset.order.startsWith("1");

function onRow(list, id, news) {
  const old = document.getElementById(id);
  if (old?.dataset.version === news.version) return;
  const fresh = element(news.html);
  const focused = old?.contains(document.activeElement) && document.activeElement.getAttribute("href");
  if (old && isLive(old) === isLive(fresh)) old.replaceWith(fresh);  // a row that one reads stays where it is
  else {
    old?.remove();
    if ("recordedNow" in document.body.dataset && !isLive(fresh)) return;
    const rows = $$(":scope > li", list);
    list.insertBefore(fresh, rows.find((one) => one.dataset.order < fresh.dataset.order) ?? null);
  }
  if (focused) $$("a", fresh).find((one) => one.getAttribute("href") === focused)?.focus();
  $("main > .message")?.remove();
}

// -- the stream ---------------------------------------------------------------------------------------------------------

const on = {
  turn: onTurn,
  revised: (news) => { if (document.getElementById(`t${news.seq}`)) onTurn(news); },  // an old turn: perhaps of another page
  correction: onCorrection,
  session: (news) => onRow($("#sessions"), `s${news.id}`, news),
  run: (news) => onRow($("#runs"), `r${news.id}`, news),
  head: onHead,
  tree: onTree,
  try: (news) => { if (onTry(news)) { unseen += 1; showPill(); } },
  state: (news) => { $("#state").innerHTML = news.html; },
  behind: () => { trouble.behind = true; showPill(); stream.leave(); },
};

const { events, since } = document.body.dataset;
const stream = events && listen(events, since, (name, news) => on[name]?.(news));
onSilence((why) => { trouble.silent = why; showPill(); });
