// The player. Without it, or without this file, the page shows the screen as text.

const box = document.querySelector("#player");
const titles = document.querySelector("#titles");
const marks = box?.dataset.marks ? JSON.parse(box.dataset.marks) : null;
let player = null;
let speed = 1;

function create(options = {}) {
  const at = player?.getCurrentTime();
  player?.dispose();
  box.replaceChildren();
  player = AsciinemaPlayer.create({ url: box.dataset.cast }, box, {
    fit: "both", theme: "procy", terminalFontFamily: "var(--mono)", controls: true, speed, preload: true, startAt: at,
    autoPlay: box.dataset.marker === undefined, ...options,
  });
  window.procyPlayer = player;
}

if (box && window.AsciinemaPlayer) {
  document.documentElement.classList.add("has-player");
  create();
  if (box.dataset.marker !== undefined) player.seek({ marker: Number(box.dataset.marker) });
  for (const button of document.querySelectorAll("[data-speed]")) {
    button.addEventListener("click", () => {
      for (const one of document.querySelectorAll("[data-speed]")) one.classList.toggle("here", one === button);
      speed = Number(button.dataset.speed);
      create({ autoPlay: true });
    });
  }
  for (const button of document.querySelectorAll("[data-seek]")) {
    button.addEventListener("click", async () => {
      await player.pause();
      player.seek(button.dataset.seek === "0" ? 0 : button.dataset.seek);
    });
  }
  titles?.addEventListener("click", (event) => {
    const seq = event.target.closest("li")?.dataset.seq;
    if (!marks || marks[seq] === undefined || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    for (const one of titles.children) one.classList.toggle("here", one.dataset.seq === seq);
    player.seek({ marker: marks[seq] }).then(() => player.play());
  });
}
