// The player. Without it, or without this file, the page shows the screen as text.

import { $, $$, root } from "./dom.js";
import { markTitle, titles } from "./reading.js";

const box = $("#player");
const marks = box?.dataset.marks ? JSON.parse(box.dataset.marks) : null;  // in the whole session: seq -> number of its mark
let player = null;
let speed = 1;
let times = [];  // of the turns' marks: [seconds, seq]

function create(options = {}) {
  const at = player?.getCurrentTime();
  player?.dispose();
  box.replaceChildren();
  player = AsciinemaPlayer.create({ url: box.dataset.cast }, box, {
    fit: "both", theme: "procy", terminalFontFamily: "var(--mono)", controls: true, speed, preload: true, startAt: at,
    autoPlay: box.dataset.marker === undefined, ...options,
  });
  if (marks) follow(at);
  window.procyPlayer = player;
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
  create();
  if (box.dataset.marker !== undefined) player.seek({ marker: Number(box.dataset.marker) });
  for (const button of $$("[data-speed]")) {
    button.addEventListener("click", () => {
      for (const one of $$("[data-speed]")) one.classList.toggle("here", one === button);
      speed = Number(button.dataset.speed);
      create({ autoPlay: true });
    });
  }
  for (const button of $$("[data-seek]")) {
    button.addEventListener("click", async () => {
      await player.pause();
      player.seek(button.dataset.seek === "0" ? 0 : button.dataset.seek);
    });
  }
  titles?.addEventListener("click", playFrom);
}
