"""What ``procy doctor`` looks at in tmux: its version, and the plugin in the server that doctor runs in."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from procy.capture.tmux import Tmux, current_socket
from procy.cli import plugin
from procy.cli.finding import Finding
from procy.errors import TmuxError
from procy.places import Places

LEAST = (3, 2)
LACKS = {  # version that brought it: what the plugin leaves out before
    (3, 3): "no titles and round corners on popups, and shows words at the client used last",
    (3, 4): "no round corners on the menu",
}


def check_tmux(places: Places) -> Iterator[Finding]:
    path = shutil.which("tmux")
    if not path:
        yield Finding("problem", "tmux is not installed", "apt install tmux, or brew install tmux")
        return
    text = subprocess.run([path, "-V"], capture_output=True, text=True, check=False).stdout.strip()
    if version_of(text) < LEAST:
        yield Finding("problem", f"{text} is older than 3.2", "Install a newer tmux")
        return
    yield Finding("ok", text)
    for version, lack in LACKS.items():
        if version_of(text) < version:
            yield Finding("note", f"{text} has {lack}", f"Install tmux {version[0]}.{version[1]} or newer if you miss that")


def version_of(text: str) -> tuple[int, int]:
    """``tmux 3.3a`` is (3, 3); ``tmux next-3.9`` and ``tmux master`` are newer than any."""
    match = re.search(r"(\d+)\.(\d+)", text)
    if "master" in text or "next" in text:
        return (99, 0)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def check_plugin(places: Places) -> Iterator[Finding]:
    socket = current_socket()
    if not socket:
        yield Finding("note", "not in tmux: the plugin was not looked at", "Run procy doctor in a tmux pane")
        return
    try:
        yield from plugin_in(Tmux(socket))
    except TmuxError as error:
        yield Finding("problem", error.what, error.remedy or "See whether tmux answers: tmux list-sessions")


def plugin_in(tmux: Tmux) -> Iterator[Finding]:
    load = f"run-shell '{plugin.plugin_file()}'"
    if not plugin.is_loaded(tmux):
        yield Finding("note", "the tmux plugin is not loaded here", f"Put into tmux.conf: {load}")
        return
    program = tmux.option("@procy_program")
    if program:
        yield Finding("ok", f"tmux plugin: {len(list(plugin.bound(tmux)))} keys, runs {program}")
    else:
        yield Finding("problem", "the tmux plugin found no procy command", f"Load it again: tmux {load}")
    bindings = plugin.prefix_bindings(tmux)
    for one in plugin.skipped(tmux):
        command = bindings.get(one.key) or bindings.get(f"\\{one.key}")
        why = f"is yours: {command[:60]}" if command else "is wanted twice, or no key that tmux knows"
        remedy = f"Another key, or none: set -g @procy-key-{one.what} M-{one.what[0]}"
        yield Finding("note", f"prefix + {one.key} {why}; {one.what} has no key", remedy)
