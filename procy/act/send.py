"""Sending a prompt: text into an agent's composer, Enter, and proof that it arrived.

The steps and their pauses are those that were measured to work (``docs/decisions/0007-send.md``): pasted once, Enter in a
write of its own, pressed again at most twice, and never when the composer holds anything but the text.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Literal

from procy import ids
from procy.act.composer import Composer, cleaned
from procy.act.proof import confirmation
from procy.act.queue import until_free
from procy.act.target import Target
from procy.errors import PaneBusy, PaneRefuses, ProcyError
from procy.parse.redact import mask
from procy.store import injections
from procy.store.db import open_reader
from procy.store.write import written

ROW_S = 5.0
POLL_S = 0.05

Proof = Literal["transcript", "hook", "screen"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A prompt that was sent, and what shows that it arrived; None for a program of which nothing can."""

    injection_id: str
    proof: Proof | None


def deliver(target: Target, text: str, human: bool = False, injection_id: str = "", patience_s: float = 0.0) -> Delivery:
    """Type a prompt and send it. ``injection_id``: of its row, where the caller wants to know it beforehand.

    Raises PaneBusy or PaneRefuses where it cannot be taken within ``patience_s``, with no Enter pressed, and ProcyError where
    nothing shows that it was. ``human``: whoever may be typing in the pane asked for this.
    """
    text = cleaned(text)
    if not text.strip():
        raise PaneRefuses("there is nothing to send", "Give some text")
    until_free(target, patience_s, human)
    if "\n" in text and not target.frames_pastes():
        raise PaneRefuses(f"{target.program} would take each line of it for a prompt", "Send one line")
    now_ns = time.time_ns()
    injection_id = injection_id or ids.new_id(now_ns, secrets.token_bytes(10))
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
