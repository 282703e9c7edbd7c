"""Pages for everybody: names for what can be used, headings in order, colours that can be read, a way through by keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from .browser import Browser, real
from .conftest import Served
from .sample_runs import RUN

pytestmark = real
SESSION_PAGES = ("", "?q=parser", "/terminal", "/terminal?whole=1", "/terminal?q=unscrolled", "/terminal?live=1")
PAGES = ("/-/procy", "/-/procy/search?q=parser", *(f"/-/procy/s/{{session}}{page}" for page in SESSION_PAGES),
         "/-/procy/evolve", f"/-/procy/run/{RUN}", "/-/procy/nothing-here")  # fmt: skip
FAULTS = """(() => {
  const faults = [], seen = (one) => one.checkVisibility() && !one.closest(".ap-player");
  const label = (one) => one.labels?.length ? [...one.labels].map((label) => label.textContent).join("") : "";
  const named = (one) => document.getElementById(one.getAttribute("aria-labelledby"))?.textContent;
  const name = (one) => [one.getAttribute("aria-label"), named(one), label(one), one.innerText, one.title, one.alt,
    one.querySelector("title")?.textContent].some((text) => text?.trim());
  const used = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  for (const one of document.querySelectorAll(used)) {
    if (seen(one) && !name(one)) faults.push("no name: " + one.outerHTML.slice(0, 120));
  }
  for (const one of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden]):not([role]):not([aria-label])")) {
    if (seen(one)) faults.push("a picture without words: " + one.outerHTML.slice(0, 120));
  }
  const heads = [...document.querySelectorAll("h1, h2, h3, h4")].filter(seen).map((one) => Number(one.localName[1]));
  if (heads.filter((level) => level === 1).length > 1) faults.push("more than one h1");
  heads.reduce((before, level) => { if (level > before + 1) faults.push(`h${level} after h${before}`); return level; }, 1);
  const mains = document.querySelectorAll("main");
  if (mains.length !== 1) faults.push(`${mains.length} main`);
  if (!heads.includes(1) && !mains[0]?.hasAttribute("aria-label")) faults.push("neither an h1 nor a named main");
  for (const nav of document.querySelectorAll("nav:not([aria-label])")) faults.push("a nav without a name: " + nav.className);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push("twice: #" + id);
  if (document.getElementById("pill")?.getAttribute("aria-live") !== "polite") faults.push("news are not read aloud");
  if (!document.documentElement.lang) faults.push("no language");
  return faults;
})()"""
TEXTS = ("ink", "soft", "faint", "human", "agent-text", "procy", "bad", "link", "busy", "wait")
GROUNDS = ("paper", "raised")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_everything_has_a_name_and_its_place(tab: Browser, served: Served, session: str) -> None:
    faults = []
    for page in PAGES:
        tab.size(1200, 800)
        tab.open(served.base + page.format(session=session))
        faults += [f"{page}: {fault}" for fault in tab.js(FAULTS)]
        for width in (360, 3840):
            tab.size(width, 900)
            if not tab.js("document.documentElement.scrollWidth <= innerWidth"):
                faults.append(f"{page}: wider than {width}")
        longest = "Math.max(0, ...[...document.querySelectorAll('.text, .said p, .snippet')].map((one) => one.clientWidth))"
        if tab.js(longest) > 1300:  # at 3840: lines that one can read
            faults.append(f"{page}: long lines")
    tab.errors[:] = [error for error in tab.errors if "404" not in error]  # a page that is not there was asked for
    assert not faults


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_read(tab: Browser, served: Served, theme: str) -> None:
    tab.scheme(theme)
    tab.open(f"{served.base}/-/procy")
    names = [*TEXTS, *GROUNDS]
    found: list[Any] = tab.js(f"{names}.map((name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name))")
    colours = dict(zip(names, (one.strip() for one in found), strict=True))
    low = {(text, ground): round(ratio, 2) for text in TEXTS for ground in GROUNDS
           if (ratio := contrast(colours[text], colours[ground])) < 4.5}  # fmt: skip
    tab.scheme("light")
    assert not low


@pytest.mark.parametrize("page", ["/-/procy/s/{session}", "/-/procy/s/{session}/terminal?whole=1"])
def test_the_keyboard_gets_through_and_is_seen(tab: Browser, served: Served, session: str, page: str) -> None:
    tab.open(served.base + page.format(session=session))
    tab.js("document.activeElement.blur(); scrollTo(0, 0)")
    stops = []
    for _ in range(150):
        tab.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        tab.call("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        at = tab.js("""(() => { const one = document.activeElement, style = getComputedStyle(one);
          if (one === document.body) return "end";
          const shown = style.outlineStyle !== "none" || one.matches(".search input, .ap-player *, .ap-wrapper, .clamp > input");
          return [[...document.querySelectorAll("*")].indexOf(one), shown, one.outerHTML.slice(0, 100)]; })()""")
        if at == "end":
            continue
        if stops and at[0] == stops[0][0]:
            break
        stops.append(at)
    else:
        raise AssertionError(f"no end: {stops[-5:]}")
    assert len(stops) > 10 and len({one[0] for one in stops}) == len(stops)
    assert [one for one in stops if not one[1]] == []
