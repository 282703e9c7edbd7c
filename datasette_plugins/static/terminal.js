// The player. Without it, or without this file, the page shows the screen as text.

import { $, $$, root } from "./dom.js";
import { markTitle, titles } from "./reading.js";
import { follow as followPane } from "./tail.js";

const box = $("#player");
const marks = box?.dataset.marks ? JSON.parse(box.dataset.marks) : null;  // in the whole session: seq -> number of its mark
const KEPT = "procy replay";  // what one chose, for all sessions
const SPEEDS = [1, 2, 4, 8];
let player = null;
let isPlaying = false;
let { speed, idle } = kept();
let times = [];  // of the turns' marks: [seconds, seq]

function kept() {
  let found = {};
  try { found = JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { /* it is not ours, or not allowed */ }
  const known = $$("#idle option").map((one) => Number(one.value));
  return {
    speed: SPEEDS.includes(found.speed) ? found.speed : 1,
    idle: known.includes(found.idle) ? found.idle : Number(box?.dataset.idle ?? 1000),
  };
}

function keep() {
  try { localStorage.setItem(KEPT, JSON.stringify({ speed, idle })); } catch { /* not allowed */ }
}

function recording() {
  const url = new URL(box.dataset.cast, location);
  if (idle !== Number(box.dataset.idle)) url.searchParams.set("idle", idle);  // else it is loading already
  return { url: url.href, ...("segmented" in box.dataset ? { format: "segmented" } : {}) };
}

// The player takes speed and pauses at its creation only: another one goes on where the one before was.
function create(options = {}) {
  const at = options.startAt ?? player?.getCurrentTime();
  player?.dispose();
  box.replaceChildren();
  player = AsciinemaPlayer.create(recording(), box, {
    fit: "both", theme: "procy", terminalFontFamily: "var(--mono)", controls: true, speed, preload: true,
    autoPlay: box.dataset.marker === undefined, ...options, startAt: at,
  });
  for (const [event, now] of [["play", true], ["playing", true], ["pause", false], ["ended", false]]) {
    player.addEventListener(event, () => { isPlaying = now; });
  }
  if (marks) follow(at);
  window.procyPlayer = player;
}

async function shorten(ms) {
  const place = new URL("terminal/place.json", `${location.origin}${location.pathname.replace(/\/terminal$/, "/")}`);
  place.search = new URL(box.dataset.cast, location).search;
  place.searchParams.set("was", idle);
  place.searchParams.set("ms", Math.round(await player.getCurrentTime() * 1000));
  place.searchParams.set("idle", ms);
  const response = await fetch(place).catch(() => null);
  if (!response?.ok) return;
  idle = ms;
  keep();
  const { seconds } = await response.json();
  const wasPlaying = isPlaying;
  create({ startAt: seconds, autoPlay: wasPlaying });
  if (!wasPlaying) player.seek(seconds);  // one that does not play shows nothing else
}

// In the whole session: say which turn is played, and lead back to it.
function follow(at) {
  const turnAt = Object.fromEntries(Object.entries(marks).map(([seq, number]) => [number, seq]));
  player.addEventListener("metadata", (found) => {
    times = found.markers.map(([time], number) => [time, turnAt[number]]).filter(([, seq]) => seq);
    if (box.dataset.marker === undefined || at) showAt(at ?? 0);
  });
  player.addEventListener("marker", ({ index }) => turnAt[index] && show(turnAt[index]));
  player.addEventListener("seeked", () => showAt(player.getCurrentTime()));
}

let shown = null;

function showAt(seconds) {
  const [time, seq] = times.findLast(([begins]) => begins <= seconds + 0.01) ?? [];
  const same = times.some(([begins, one]) => begins === time && one === shown);  // two turns may begin at one time
  if (seq && !same) show(seq);
}

function show(seq) {
  shown = seq;
  const title = markTitle(seq);
  if (!title) return;
  $(".now").replaceChildren(...$("a", title).cloneNode(true).childNodes);
  $("#back").href = `${root}/t/${title.dataset.turn}`;
}

function playFrom(event) {
  const seq = event.target.closest("li")?.dataset.seq;
  if (!marks || marks[seq] === undefined || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  show(seq);
  player.seek({ marker: marks[seq] }).then(() => player.play());
}

if (box && window.AsciinemaPlayer) {
  document.documentElement.classList.add("has-player");
  box.dataset.tail ? followPane(box) : begin();
}

const hit = $("#screen.hit mark");
if (hit) {
  const pre = hit.closest("pre");
  pre.scrollTop += hit.getBoundingClientRect().top - pre.getBoundingClientRect().top - pre.clientHeight / 2;
}

function press(button, is) {
  button.classList.toggle("here", is);
  button.setAttribute("aria-pressed", is);
}

function begin() {
  create();
  if (box.dataset.marker !== undefined) player.seek({ marker: Number(box.dataset.marker) });
  const showSpeed = () => { for (const one of $$("[data-speed]")) press(one, Number(one.dataset.speed) === speed); };
  showSpeed();
  for (const button of $$("[data-speed]")) {
    button.addEventListener("click", () => {
      speed = Number(button.dataset.speed);
      keep();
      showSpeed();
      create({ autoPlay: true });
    });
  }
  $("#idle").value = idle;
  $("#idle").addEventListener("change", (event) => shorten(Number(event.target.value)));
  for (const button of $$("[data-seek]")) {
    button.addEventListener("click", async () => {
      await player.pause();
      player.seek(button.dataset.seek === "0" ? 0 : button.dataset.seek);
    });
  }
  titles?.addEventListener("click", playFrom);
}
