// News for this tab, over the connection that it shares with the others of this browser (channel.js).
// A tab that nobody looks at wants none; it is told what it missed when one looks again.

import { root } from "./dom.js";
import { Channel } from "./channel.js";

const url = `${root}/live`;
const wishes = new Map();  // id -> { id, address, since, act }
const listeners = new Set();  // to why it is silent
let connection = null;
let tab = "";  // another one each time that it is looked at; empty while it is not
let joining = "", unlock = null;
let count = 0;

// Calls act(name, data, id of the event) for what happens at an address of a stream, after what was missed since an id.
export function listen(address, since, act) {
  const wish = { id: ++count, address, since: since ?? "", act };
  wishes.set(wish.id, wish);
  if (tab) want(wish);
  return {
    leave() {
      wishes.delete(wish.id);
      if (tab) send({ tab, drop: wish.id });
    },
  };
}

// Calls act(why no news can come), with "" when they come again.
export const onSilence = (act) => listeners.add(act);

function receive({ id, name, last, data, silent }) {
  if (silent !== undefined) { for (const act of listeners) act(silent); return; }
  const wish = tab && wishes.get(id);
  if (!wish) return;
  if (last) wish.since = last;
  wish.act(name, data, last);
}

const send = (message) => connection.send(message);
const want = ({ id, address, since }) => send({ tab, want: { id, address, since } });

async function join() {
  if (joining || document.hidden) return;
  const mine = joining = `procy tab ${Date.now()} ${Math.random()}`;
  await hold(mine);
  if (joining !== mine) return;
  tab = mine;
  connection ??= connect();
  rejoin();
}

// The lock says that this tab is there for as long as it is (see channel.js).
function hold(name) {
  if (!navigator.locks) return null;
  return new Promise((held) => {
    navigator.locks.request(name, () => {
      held();
      return joining === name && new Promise((done) => { unlock = done; });
    }).catch(() => {});  // the page goes
  });
}

function rejoin() {
  for (const wish of wishes.values()) want(wish);
}

function leave() {
  if (tab) send({ tab, leave: true });
  tab = joining = "";
  unlock?.();
  unlock = null;
}

// -- ways to the connection ---------------------------------------------------------------------------------------------

function connect() {
  if (globalThis.SharedWorker) {
    try { return throughWorker(); } catch { /* not allowed to: the others will do */ }
  }
  return withoutWorker();
}

const withoutWorker = () => globalThis.BroadcastChannel && navigator.locks ? throughLeader() : alone();

function throughWorker() {
  const worker = new SharedWorker(document.body.dataset.channel, { type: "module", name: "procy" });
  worker.port.onmessage = ({ data }) => receive(data);
  worker.onerror = () => { connection = withoutWorker(); if (tab) rejoin(); };
  return { send: (message) => worker.port.postMessage(message), resign() {}, stand() {} };
}

// One of the tabs keeps the connection for all: whoever has the lock.
function throughLeader() {
  const others = new BroadcastChannel(url);
  let channel = null, resign = null;
  const led = ({ data }) => {
    if (data.led && channel) channel.take(data.led, (told) => others.postMessage({ to: data.led.tab, told }));
    else if (data.to && data.to === tab) receive(data.told);
    else if (data.leads && tab) rejoin();
  };
  const stand = () => navigator.locks.request(`procy leader ${url}`, () => {
    channel = new Channel(url);
    others.postMessage({ leads: true });
    if (tab) rejoin();
    return new Promise((done) => { resign = done; });
  }).catch(() => {});
  others.onmessage = led;
  stand();
  return {
    send: (message) => channel ? channel.take(message, receive) : others.postMessage({ led: message }),
    stand: () => { if (!resign) stand(); },
    resign() { channel?.close(); channel = null; resign?.(); resign = null; },
  };
}

function alone() {
  const channel = new Channel(url);
  return { send: (message) => channel.take(message, receive), resign() {}, stand() {} };
}

document.addEventListener("visibilitychange", () => document.hidden ? leave() : join());
addEventListener("pagehide", () => { leave(); connection?.resign(); });
addEventListener("pageshow", (event) => { if (event.persisted) connection?.stand(); join(); });
join();
