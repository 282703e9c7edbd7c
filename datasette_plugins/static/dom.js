// What the other modules say often.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
export const root = document.body.dataset.root;

export function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return document.adoptNode(template.content.firstElementChild);  // so that its links lead somewhere
}
