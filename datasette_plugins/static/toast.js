// A word on what was just done, or why it was not; read aloud, too.

let timer = 0;
const place = document.createElement("output");
place.className = "toast";
place.setAttribute("role", "status");
document.body.append(place);

export function tell(text) {
  clearTimeout(timer);
  place.textContent = text;
  timer = setTimeout(() => { place.textContent = ""; }, 4000);
}
