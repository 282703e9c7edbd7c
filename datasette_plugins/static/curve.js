// The curve and the lineage by mouse and keyboard: a tip with prompt and figures, and the way to the try.

import { $, $$, root } from "./dom.js";

const NEAR = 28;  // pixels: what the mouse is nearer to is meant
const known = new Map();  // number of a try, and version of the head -> its tip
let at = null;  // number of the try that the cursor is at

const plot = () => $("#plot");
const run = () => $("figure.curve")?.dataset.run;
const version = () => $("#head")?.dataset.version;
const marks = () => $$("[data-n]", plot()).sort((one, other) => one.dataset.n - other.dataset.n);
const numberOf = (mark) => Number(mark.dataset.n);
const address = (n) => `${root}/run/${run()}/tip?n=${n}`;

function placeOf(mark) {
  const box = plot().getBoundingClientRect();
  const part = (name) => parseFloat(mark.getAttribute(`c${name}`) ?? mark.getAttribute(name)) / 100;
  return [part("x") * box.width, part("y") * box.height];
}

async function tipOf(n) {
  const key = `${n} ${version()}`;
  if (!known.has(key)) {
    const response = await fetch(`${address(n)}&part=1`).catch(() => null);
    if (!response?.ok) return `<b>try ${n}</b>`;
    known.set(key, await response.text());
  }
  return known.get(key);
}

async function show(n) {
  const mark = marks().find((one) => numberOf(one) === n);
  if (!mark) return;
  at = n;
  const [x, y] = placeOf(mark), cursor = $(".cursor", plot());
  cursor.setAttribute("cx", x);
  cursor.setAttribute("cy", y);
  const html = await tipOf(n), tip = $(".tip", plot());
  if (at !== n || !tip) return;
  if (tip.dataset.n !== String(n) || tip.hidden) tip.innerHTML = html;
  tip.dataset.n = n;
  tip.hidden = false;
  const box = plot().getBoundingClientRect(), wide = tip.offsetWidth, high = tip.offsetHeight;
  const left = Math.min(Math.max(box.left + x - wide / 2, 8), document.documentElement.clientWidth - wide - 8) - box.left;
  const above = box.top + y - high - 14 > $(".bar").offsetHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${above ? y - high - 14 : y + 14}px`;
}

function hide() {
  at = null;
  const box = plot();
  if (!box) return;
  $(".tip", box).hidden = true;
  for (const name of ["cx", "cy"]) $(".cursor", box).setAttribute(name, -99);
}

// -- mouse --------------------------------------------------------------------------------------------------------------

function nearest(event) {
  const box = plot().getBoundingClientRect();
  let found = null, least = NEAR;
  for (const mark of marks()) {
    const [x, y] = placeOf(mark), far = Math.hypot(box.left + x - event.clientX, box.top + y - event.clientY);
    if (far < least) { found = mark; least = far; }
  }
  return found;
}

document.addEventListener("pointermove", (event) => {
  if (!event.target.closest?.("#plot")) {
    if (at !== null && document.activeElement !== plot()) hide();
    return;
  }
  if (event.target.closest(".tip")) return;
  for (const title of $$("a > title", plot())) { title.parentElement.setAttribute("aria-label", title.textContent); title.remove(); }
  const mark = nearest(event);
  plot().classList.toggle("over", !!mark);
  if (mark && numberOf(mark) !== at) show(numberOf(mark));
  else if (!mark && document.activeElement !== plot()) hide();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#plot") || event.target.closest("a")) return;
  const mark = nearest(event);
  if (mark) location.href = address(numberOf(mark));
});

// -- keyboard -----------------------------------------------------------------------------------------------------------

const isKept = (mark) => mark.classList.contains("kept");

function stepTo(key) {
  const all = marks(), here = all.findIndex((mark) => numberOf(mark) === at);
  if (here < 0) return key === "Home" || key === "ArrowRight" ? all[0] : all.at(-1);
  return {
    ArrowRight: () => all[here + 1], ArrowLeft: () => all[here - 1], Home: () => all[0], End: () => all.at(-1),
    PageDown: () => all[Math.min(here + 10, all.length - 1)], PageUp: () => all[Math.max(here - 10, 0)],
    ArrowUp: () => all.slice(0, here).findLast(isKept), ArrowDown: () => all.slice(here + 1).find(isKept),
  }[key]?.();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.(".tree")) stepInTree(event);
  if (event.target !== plot()) return;
  if (event.key === "Enter" && at !== null) location.href = address(at);
  else if (event.key === "Escape") hide();
  else if (/^(Arrow|Home$|End$|Page)/.test(event.key)) {
    const mark = stepTo(event.key);
    if (mark) show(numberOf(mark));
  } else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("focusin", (event) => {
  const last = event.target === plot() && at === null && marks().at(-1);
  if (last) show(numberOf(last));
});
// Later, because the focus comes back at once where the head was told anew.
document.addEventListener("focusout", (event) => {
  if (event.target.id === "plot") setTimeout(() => { if (document.activeElement !== plot()) hide(); });
});

// What was at the cursor stays there when the head is told anew.
const head = $("#head");
if (head) new MutationObserver(() => { if (at !== null && plot()) show(at); }).observe(head, { childList: true });

// -- the lineage --------------------------------------------------------------------------------------------------------

const nodes = () => $$(".tree a.node");
const seat = (node) => node.dataset.at.split(" ").map(Number);

// One of all nodes is reached by Tab; arrow keys lead to the others.
function ready() {
  const all = nodes(), first = $(".tree a.best") ?? all[0];
  for (const node of all) node.setAttribute("tabindex", node === first ? "0" : "-1");
}

function stepInTree(event) {
  const here = event.target.closest("a.node"), by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!here || !by) return;
  event.preventDefault();
  const [column, row] = seat(here);
  const far = (node) => { const [x, y] = seat(node); return by[0] ? Math.abs(y - row) + (y > row ? .5 : 0) : Math.abs(y - row); };
  const there = nodes().filter((node) => {
    const [x, y] = seat(node);
    return by[0] ? x === column + by[0] && (by[0] > 0 || y <= row) : x === column && Math.sign(y - row) === by[1];
  }).sort((one, other) => far(one) - far(other))[0];
  if (!there) return;
  here.setAttribute("tabindex", "-1");
  there.setAttribute("tabindex", "0");
  there.focus();
}

const tree = $("#tree");
if (tree) {
  ready();
  const scroller = $(".scroller", tree);
  if (scroller) scroller.scrollLeft = scroller.scrollWidth;
  new MutationObserver(ready).observe(tree, { childList: true });
}
