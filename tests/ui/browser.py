"""A headless Chromium, driven over its own protocol (Chrome DevTools Protocol) with one small client."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-extensions",
         "--hide-scrollbars", "--disable-background-networking", "--remote-debugging-port=0",
         "--remote-allow-origins=*")  # fmt: skip


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


real = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine: apt install chromium"),
]  # marks of tests that need one


class Browser:
    """One browser with one tab. Use as a context manager."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        self.number = 0
        self.errors: list[str] = []
        self.requests: list[str] = []

    def __enter__(self) -> Browser:
        command = [str(find_chromium()), *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        port = until(self._port, "Chromium did not start")
        pages = until(
            lambda: [one for one in json.load(urlopen(f"http://127.0.0.1:{port}/json")) if one["type"] == "page"], "no tab"
        )
        self.socket = websocket.create_connection(pages[0]["webSocketDebuggerUrl"], timeout=30)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _port(self) -> str | None:
        path = self.profile / "DevToolsActivePort"
        return path.read_text().split("\n")[0] if path.exists() else None

    # -- the protocol -----------------------------------------------------------------------------------------------

    def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        wanted = self.number
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == wanted:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def note(self, message: dict[str, Any]) -> None:
        """Keep what a developer would see in red, and what was asked of whom."""
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(message["params"]["exceptionDetails"]))
        entry = message.get("params", {}).get("entry", {})
        if message.get("method") == "Log.entryAdded" and entry.get("level") == "error":
            self.errors.append(f"{entry.get('text')} {entry.get('url', '')}")

    # -- what a person does -------------------------------------------------------------------------------------------

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        blank = "==" if url == "about:blank" else "!="
        self.wait(f"document.readyState == 'complete' && location.href {blank} 'about:blank'")

    def js(self, expression: str) -> Any:
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 10) -> Any:
        def holds() -> Any:
            try:
                return self.js(f"!!({condition})")
            except RuntimeError as error:
                if "context" in str(error) or "navigat" in str(error):
                    return None
                raise

        return until(holds, f"never true: {condition}", seconds)

    def press(self, *keys: str) -> None:
        for key in keys:
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector: str) -> None:
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name: str) -> None:
        """light or dark"""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def shot(self, path: Path | str) -> None:
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


def until(attempt: Any, complaint: str, seconds: float = 20) -> Any:
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := attempt():
            return found
        time.sleep(0.03)
    raise TimeoutError(complaint)
