// One live connection for all tabs of a browser, which allows six to one server and would hang at the seventh.
// As a shared worker this file keeps the connection itself; where there is none, a tab does (live.js), with the same class.
//
// A tab says { tab, want: { id, address, since } }, { tab, drop: id } and { tab, leave: true };
// it is told { id, name, last, data } and { silent: why }, where nothing ("") means that all is well.

const SOON_MS = 30;  // tabs that come together are asked for together
const LATER_MS = 400;  // who leaves one page mostly goes to the next
const AGAIN_MS = 2000;
const REFUSED_MS = 5000;
const PATIENCE_MS = 5000;  // without an answer, before it is said

export class Channel {
  constructor(url) {
    this.url = url;
    this.tabs = new Map();  // tab -> how to tell it something
    this.wanted = new Map();  // "tab id" -> { tab, id, number, address, since }
    this.number = 0;
    this.source = null;
    this.timer = this.patience = 0;
    this.due = Infinity;
    this.silent = "";
  }

  // A message of a tab, and the way back to it. Returns whether it is a new one.
  take({ tab, want, drop, leave }, tell) {
    const isNew = !this.tabs.has(tab) && want !== undefined;
    if (isNew) {
      this.tabs.set(tab, tell);
      if (this.silent) tell({ silent: this.silent });
    }
    if (want) {
      this.wanted.set(`${tab} ${want.id}`, { ...want, tab, number: ++this.number });
      this.change(SOON_MS);
    }
    if (drop !== undefined && this.wanted.delete(`${tab} ${drop}`)) this.change(LATER_MS);
    if (leave) this.leave(tab);
    return isNew;
  }

  leave(tab) {
    if (!this.tabs.delete(tab)) return;
    for (const [key, one] of this.wanted) if (one.tab === tab) this.wanted.delete(key);
    this.change(LATER_MS);
  }

  change(after) {
    const due = Date.now() + after;
    if (due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.connect(), after);
  }

  connect() {
    this.close();
    if (!this.wanted.size) { this.say(""); return; }
    const wishes = [...this.wanted.values()].map((one) => ["want", `${one.number}~${one.address}~${one.since}`]);
    const source = this.source = new EventSource(`${this.url}?${new URLSearchParams(wishes)}`);
    source.onopen = () => this.say("");
    source.onerror = () => this.fail(source);
    source.onmessage = (event) => this.pass(JSON.parse(event.data));
  }

  close() {
    clearTimeout(this.timer);
    this.due = Infinity;
    this.source?.close();
    this.source = null;
  }

  pass({ to, name, id, data }) {
    const one = [...this.wanted.values()].find((one) => one.number === to);
    if (!one) return;
    if (id) one.since = id;
    this.tabs.get(one.tab)({ id: one.id, name, last: id, data });
  }

  // A browser that tries again by itself would ask for what was missed since the first try.
  async fail(source) {
    if (source !== this.source) return;
    const refused = source.readyState === EventSource.CLOSED;
    this.close();
    this.patience ||= setTimeout(() => this.tellAll("Not live: the pages do not answer"), PATIENCE_MS);
    this.change(refused ? REFUSED_MS : AGAIN_MS);
    if (!refused) return;
    const response = await fetch(this.url).catch(() => null);
    if (response?.status === 403) this.say("Not live: sign in again with procy open");
  }

  say(text) {
    clearTimeout(this.patience);
    this.patience = 0;
    this.tellAll(text);
  }

  tellAll(text) {
    if (text === this.silent) return;
    this.silent = text;
    for (const tell of this.tabs.values()) tell({ silent: text });
  }
}

// -- as a shared worker -------------------------------------------------------------------------------------------------

if (globalThis.SharedWorkerGlobalScope && self instanceof SharedWorkerGlobalScope) {
  const channel = new Channel(location.pathname.replace(/\/static\/.*$/, "/live"));
  self.addEventListener("connect", ({ ports: [port] }) => {
    port.onmessage = ({ data }) => {
      const isNew = channel.take(data, (told) => port.postMessage(told));
      // A tab holds the lock of its name while it listens: who gets it knows that the tab is gone, crashed ones too.
      if (isNew) navigator.locks?.request(data.tab, () => channel.leave(data.tab)).catch(() => {});
    };
  });
}
