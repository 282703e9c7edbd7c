// The pane as it is now: a driver for the player that shows what the tap writes. Nothing comes while nobody looks.

import { $ } from "./dom.js";
import { listen } from "./live.js";

export function follow(box) {
  const player = AsciinemaPlayer.create((tools) => driver(box.dataset.tail, tools.dispatch), box, {
    fit: "both", theme: "procy", terminalFontFamily: "var(--mono)", controls: false, autoPlay: true,
  });
  window.procyPlayer = player;
}

function driver(address, dispatch) {
  let stream = null, at = -1;
  const on = {
    screen(news) {
      at = news.at;
      dispatch("reset", { size: { cols: news.columns, rows: news.rows }, init: news.text });
      dispatch("playing");
    },
    bytes(news) {
      if (news.to <= at) return;
      if (news.from !== at) { again(); return; }
      at = news.to;
      for (const [kind, text] of news.events) {
        if (kind === "o") dispatch("output", text);
        else dispatch("resize", Object.fromEntries(text.split("x").map((size, place) => [["cols", "rows"][place], Number(size)])));
      }
    },
    end() { stop(); over("The recording has ended."); },
    gone() { stop(); over("This session is not there any more."); },
    behind: () => again(),
  };
  const start = () => { stream ??= listen(address, "", (name, news) => on[name]?.(news)); };
  const stop = () => { stream?.leave(); stream = null; };
  const again = () => { stop(); start(); };
  return {
    play() { dispatch("play"); start(); return true; },
    stop,
  };
}

function over(text) {
  const link = $("#follow");
  link.classList.remove("here");
  link.textContent = "replay";
  link.title = text;
  $(".now").textContent = text;
}
