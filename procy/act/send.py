"""Sending a prompt: text into an agent's composer, Enter, and proof that it arrived.

The steps and their pauses are those that were measured to work (``docs/decisions/0007-send.md``): pasted once, Enter in a
write of its own, pressed again at most twice, and never when the composer holds anything but the text.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from procy import ids
from procy.act.composer import cleaned
from procy.act.proof import confirmation, is_command
from procy.act.target import Look, Target, check, check_reach
from procy.errors import PaneBusy, PaneRefuses, ProcyError
from procy.parse.composer import holds_only
from procy.parse.redact import mask
from procy.store import injections
from procy.store.db import open_reader
from procy.store.write import written

PAUSE_S = 0.25  # Codex takes an Enter sooner after text for a line feed of a paste (its window is 120 ms)
DRAW_S = 10.0  # a paste of 100 KB is drawn in far less
CALM_S = 0.1  # a composer that has not changed for so long is drawn
VERIFY_S = 1.5  # after an Enter
PRESSES = 3
ROW_S = 5.0
POLL_S = 0.05
COMPLETED = re.compile(r"(?:^|\s)[@$]\S*\Z|\\\Z")  # Enter would complete that word, or (backslash) begin a new line

Proof = Literal["transcript", "hook", "screen"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A prompt that was sent, and what shows that it arrived; None for a program of which nothing can."""

    injection_id: str
    proof: Proof | None


def deliver(target: Target, text: str, human: bool = False) -> Delivery:
    """Type a prompt and send it.

    Raises PaneBusy or PaneRefuses where it cannot be taken, with no Enter pressed, and ProcyError where nothing shows that it
    was. ``human``: whoever may be typing in the pane asked for this.
    """
    text = cleaned(text)
    if not text.strip():
        raise PaneRefuses("there is nothing to send", "Give some text")
    check(target, target.look(), human)
    if "\n" in text and not target.frames_pastes():
        raise PaneRefuses(f"{target.program} would take each line of it for a prompt", "Send one line")
    now_ns = time.time_ns()
    injection_id = ids.new_id(now_ns, secrets.token_bytes(10))
    await_row(target)
    with written(target.places.db) as connection:
        injections.add(connection, injection_id, target.session_id, now_ns, text, mask(text))
    composer, proof = Composer(target, text), None
    try:
        composer.put()
        composer.enter()
        proof = confirmation(target, injection_id, now_ns, text) or ("screen" if composer.left else None)
    finally:
        status = "delivered" if proof else "unconfirmed" if composer.pressed else "withheld"
        with written(target.places.db) as connection:
            injections.settle(connection, injection_id, status, proof)
    if proof is None and composer.is_seen:
        what = f"the prompt was typed into pane {target.name}, but nothing shows that {target.program} took it"
        raise ProcyError(what, "Look at the pane: it may still stand there")
    return Delivery(injection_id, proof)


def said_of(target: Target, delivery: Delivery) -> str:
    """In words, what was seen of a delivery."""
    if delivery.proof is None:
        return f"typed into pane {target.name} with Enter; nothing can tell whether {target.program} took it"
    return f"sent to {target.program} in pane {target.name} (seen by {delivery.proof})"


def await_row(target: Target) -> None:
    """Wait until the sidecar has written down the session that the prompt belongs to. Raises PaneBusy."""
    until = time.monotonic() + ROW_S
    with open_reader(target.places.db) as connection:
        while not connection.execute("SELECT 1 FROM sessions WHERE id = ?", (target.session_id,)).fetchone():
            if time.monotonic() > until:
                raise PaneBusy(f"the recording of pane {target.name} is not in the database yet", "Try again in a moment")
            time.sleep(POLL_S)


class Composer:
    """The place of one text in one agent's composer."""

    def __init__(self, target: Target, text: str) -> None:
        self.target, self.text = target, text
        self.is_seen = bool(target.profile and target.profile.composer)
        self.pressed = False
        self.left = False  # the text was there and is gone

    def put(self) -> None:
        """Type or paste the text, once, and wait until it stands there."""
        if is_command(self.text):  # typed, so that the agent's menu of commands sees it
            self.target.tmux.type(self.target.name, self.text)
        else:
            end = " " if COMPLETED.search(self.text) else ""  # which agents cut off
            self.target.tmux.paste(self.target.name, self.text + end)
        time.sleep(PAUSE_S)
        if self.is_seen:
            self.wait(self.holds_text, DRAW_S)

    def enter(self) -> None:
        """Press Enter until the text has left. Raises PaneBusy or PaneRefuses, without a press, where a human was faster."""
        for _ in range(1 if is_command(self.text) else PRESSES):  # a second Enter would choose from the menu it opened
            look = self.target.look()
            if self.is_seen and not self.holds_text(self.shown(look)):
                if self.pressed:  # it has left a little late
                    self.left = True
                    return
                there = "something else than the prompt" if self.shown(look) else "no prompt"
                what = f"{there} stands in pane {self.target.name} after it was typed"
                raise PaneBusy(what, "It was not sent; look at what is typed there, and send or delete it")
            check_reach(self.target, look)
            self.pressed = True
            self.target.tmux.press(self.target.name, "Enter")
            self.left = self.is_seen and self.wait(lambda shown: not self.holds_text(shown), VERIFY_S)
            if self.left or not self.is_seen:
                return

    def shown(self, look: Look) -> str | None:
        """What stands in the composer. A ``!`` at the beginning becomes its mark."""
        typed = self.target.typed(look)
        if typed is None and self.text.startswith("!"):
            command = self.target.typed(look, ("!",))
            return None if command is None else f"!{command}"
        return typed

    def holds_text(self, shown: str | None) -> bool:
        return bool(shown) and holds_only(shown or "", self.text)

    def wait(self, wanted: Callable[[str | None], bool], patience_s: float) -> bool:
        """Until the composer shows what is wanted and has come to rest; False when it does not in time."""
        until = time.monotonic() + patience_s
        shown, since = self.shown(self.target.look()), time.monotonic()
        while time.monotonic() < until:
            if wanted(shown) and time.monotonic() - since >= CALM_S:
                return True
            time.sleep(POLL_S)
            now = self.shown(self.target.look())
            shown, since = now, since if now == shown else time.monotonic()
        return wanted(shown)
