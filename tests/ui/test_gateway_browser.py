"""Gateway in a real browser: a switch by click, calls as they come, narrow and dark."""

from __future__ import annotations

from pathlib import Path

from procy.settings import load_settings

from .browser import Browser, real
from .conftest import Served
from .test_gateway import SETTINGS, record

pytestmark = real
WIDE = (
    "[...document.querySelectorAll('main *, .bar *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1 "
    "&& !one.closest('.scrolled, .chips, pre')).map(one => one.className || one.tagName)"
)
ROWS = "document.querySelectorAll('.calls tbody tr').length"


def test_upstreams_are_switched_and_calls_come_without_loading(tab: Browser, served: Served) -> None:
    Path(served.places.config).write_text(SETTINGS)
    record(served.places, 1)
    tab.open(served.base + "/-/procy/gateway")
    tab.wait(f"document.readyState == 'complete' && {ROWS} == 1")
    tab.js("window.same = true")
    tab.js("document.querySelector('button[data-name=home][data-what=use]').focus()")
    tab.press("Enter")
    tab.wait("document.querySelector('output.told').textContent == 'claude goes to home'")
    tab.wait("document.querySelector('.upstream.used b').textContent == 'home'")
    assert load_settings(served.places).upstreams["home"].active
    record(served.places, 2)
    tab.wait(f"{ROWS} == 2")
    assert tab.js("window.same"), "without loading the page again"
    for theme in ("light", "dark"):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        for width in (400, 1300):
            tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            assert tab.js(WIDE) == [], (theme, width)
    tab.click(".calls tbody a")
    tab.wait("location.pathname.startsWith('/-/procy/gateway/') && document.readyState == 'complete'")
    assert "Hello" in tab.js("document.querySelector('.said').textContent")
    assert not tab.errors
