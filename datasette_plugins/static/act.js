// Orders of the page to the server.

import { root } from "./dom.js";

// What the server tells of it. Throws an Error whose message says what is wrong and what to do.
export async function post(path, values = {}) {
  const response = await fetch(`${root}/${path}`, { method: "POST", body: new URLSearchParams(values) }).catch(() => null);
  if (!response) throw new Error("The pages do not answer. Start them again with: procy ui");
  const told = await response.json().catch(() => null);
  if (response.ok && told) return told;
  if (response.status === 403) throw new Error("Not signed in any more. Sign in again with: procy open");
  throw new Error(told?.error ? `${told.error}. ${told.remedy ?? ""}`.trim() : `The server failed (${response.status})`);
}
