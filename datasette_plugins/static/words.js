// How one text became another, word by word; as procy/ui/word_diff.py does it, where the reasons are told.

const WORD = /\n|[^\S\n]+|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu;
const LINE = /[^\n]*\n|[^\n]+/g;
const WORDS = 60000;  // characters of both texts together up to which words are compared
const STEPS = 1500;  // differences up to which they are looked for: the work grows with the square
const LONGEST = 200, CONTEXT = 120, LEAST = 80;

// Pieces [kind, text] in order, kind "same", "del" or "ins".
export function wordDiff(old, fresh) {
  const [start, end] = ends(old, fresh);
  const was = old.slice(start, old.length - end), now = fresh.slice(start, fresh.length - end);
  const found = byWords(was, now) ?? byLines(was, now);
  return joined([["same", old.slice(0, start)], ...found, ["same", old.slice(old.length - end)]]);
}

function ends(old, fresh) {
  const most = Math.min(old.length, fresh.length);
  let start = 0, end = 0;
  while (start < most && old.charCodeAt(start) === fresh.charCodeAt(start)) start += 1;
  const room = most - start;
  while (end < room && old.charCodeAt(old.length - 1 - end) === fresh.charCodeAt(fresh.length - 1 - end)) end += 1;
  const leastStart = Math.max(start - LONGEST, 0), leastEnd = Math.max(end - LONGEST, 0);
  while (start > leastStart && (inside(old, start) || inside(fresh, start))) start -= 1;
  while (end > leastEnd && (inside(old, old.length - end) || inside(fresh, fresh.length - end))) end -= 1;
  return [start, end];
}

const inside = (text, at) => at > 0 && at < text.length
  && /^([\p{L}\p{N}_]{2}|[^\S\n]{2}|[\ud800-\udbff][\udc00-\udfff])/u.test(text.slice(at - 1, at + 2));

function byWords(old, fresh) {
  const found = old.length + fresh.length <= WORDS && compare(old, fresh, WORD);
  return found ? tidy(found) : null;
}

function byLines(old, fresh) {
  const found = [], runs = compare(old, fresh, LINE) ?? [["del", old], ["ins", fresh]];
  for (let at = 0; at < runs.length; at += 1) {
    const [one, other] = [runs[at], runs[at + 1]];
    const fine = one[0] === "del" && other?.[0] === "ins" && one[1] !== old && byWords(one[1], other[1]);
    found.push(...fine || [one]);
    if (fine) at += 1;
  }
  return found;
}

function compare(old, fresh, unit) {
  const a = old.match(unit) ?? [], b = fresh.match(unit) ?? [], path = matches(...numbered(a, b));
  if (!path) return null;
  const found = [];
  let x = 0, y = 0;
  for (const [toX, toY, length] of [...path, [a.length, b.length, 0]]) {
    found.push(["del", a.slice(x, toX).join("")], ["ins", b.slice(y, toY).join("")]);
    [x, y] = [toX + length, toY + length];
    found.push(["same", a.slice(toX, x).join("")]);
  }
  return joined(found);
}

// Words as numbers: those are compared faster.
function numbered(...lists) {
  const known = new Map();
  return lists.map((list) => Int32Array.from(list, (word) => known.get(word) ?? (known.set(word, known.size), known.size - 1)));
}

function matches(a, b) {
  const trace = [];
  let last = new Int32Array(3);  // diagonal k is at k + step
  for (let step = 0; step <= Math.min(a.length + b.length, STEPS); step += 1) {
    trace.push(last);
    const now = new Int32Array(2 * step + 5);
    for (let k = -step; k <= step; k += 2) {
      let x = comesDown(last, step, k) ? last[k + 1 + step] : last[k - 1 + step] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      now[k + step + 1] = x;
      if (x >= a.length && x - k >= b.length) return backwards(trace, a.length, b.length);
    }
    last = now;
  }
  return null;
}

const comesDown = (last, step, k) => k === -step || (k !== step && last[k - 1 + step] < last[k + 1 + step]);

function backwards(trace, x, y) {
  const found = [];
  for (let step = trace.length - 1; step >= 0; step -= 1) {
    const last = trace[step], k = x - y, down = comesDown(last, step, k), before = down ? k + 1 : k - 1;
    const from = last[before + step], begin = down ? from : from + 1;
    if (x > begin) found.push([begin, begin - k, x - begin]);
    [x, y] = [from, from - before];
  }
  return found.reverse();
}

function tidy(pieces) {
  return joined(pieces.flatMap(([kind, text], at) => {
    const between = kind === "same" && at > 0 && at < pieces.length - 1;
    return between && text.length < 3 && !/[\p{L}\p{N}_\n]/u.test(text) ? [["del", text], ["ins", text]] : [[kind, text]];
  }));
}

function joined(pieces) {
  const found = [];
  let gone = "", came = "";
  const change = () => {
    if (gone) found.push(["del", gone]);
    if (came) found.push(["ins", came]);
    gone = came = "";
  };
  for (const [kind, text] of pieces) {
    if (kind === "del") gone += text;
    else if (kind === "ins") came += text;
    else if (text) {
      change();
      if (found.at(-1)?.[0] === "same") found.at(-1)[1] += text;
      else found.push(["same", text]);
    }
  }
  change();
  return found;
}

// Nodes to show: text, <del> and <ins>, without most of what is the same.
export function shown(pieces) {
  return pieces.flatMap(([kind, text], at) => {
    const before = at ? CONTEXT : 0, after = at < pieces.length - 1 ? CONTEXT : 0, out = text.length - before - after;
    if (kind !== "same") return [node(kind, text)];
    if (out < LEAST) return [new Text(text)];
    return [new Text(text.slice(0, before)), gap(out), new Text(after ? text.slice(-after) : "")];
  });
}

function node(name, text) {
  const one = document.createElement(name);
  one.textContent = text;
  return one;
}

function gap(count) {
  const one = node("span", `… ${count < 1000 ? count : `${(count / 1000).toFixed(1).replace(".0", "")}k`} characters as before …`);
  one.className = "gap";
  return one;
}
