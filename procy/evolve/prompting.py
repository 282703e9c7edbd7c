"""Sending one try's prompt to a recorded pane here, once and only once, and waiting for the end of its turn."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from procy.act.composer import Composer
from procy.act.queue import turn_to_send
from procy.act.send import deliver
from procy.act.target import Look, Target, check, find_target
from procy.errors import PaneBusy, PaneRefuses, ProcyError, TmuxError
from procy.evolve.lane import Answer, LaneLost, Pause, Tell, Watch
from procy.places import Places
from procy.store import injections
from procy.store.db import open_reader
from procy.store.write import written

POLL_S = 0.1
CALM_S = 0.7  # an agent that is ready for so long has nothing queued
CLAIM_S = 8.0  # a transcript tells of a prompt in far less
BUSY_S = 600.0  # for which a pane may be kept by somebody who types, or looks back, before a prompt
REFUSED_S = 5.0  # after which what a pane refuses is refused
RETRY_S = 1.0
SLOW_S = 15.0  # an agent that has begun and takes no prompt for so long may ask something that procy does not know
UNSEEN_S = 60.0  # an idle agent that tells of no turn for so long has not got the prompt
SILENT_S = 10.0  # and one that never tells of turns is done
DRAFT_S = 60.0  # for which what a human has typed into the lane, and neither sends nor changes, is waited for


class Draft:
    """What a human has typed into the agent's composer and not sent yet."""

    def __init__(self) -> None:
        self.text, self.since = "", 0.0

    def is_written(self, shown: str | None) -> bool:
        """Whether somebody is at it still, going by what the composer shows now."""
        now = time.monotonic()
        if (shown or "") != self.text:
            self.text, self.since = shown or "", now
        return bool(self.text) and now - self.since < DRAFT_S


def target_of(places: Places, session_id: str) -> Target:
    """The pane of a session. Raises LaneLost."""
    try:
        return find_target(places, session_id, any_program=True)
    except TmuxError as error:
        raise LaneLost(f"the lane's agent is gone ({error.what})", "Go on with: procy evolve resume") from error
    except ProcyError as error:
        raise LaneLost(f"the lane's recording is over ({error.what})", "Go on with: procy evolve resume") from error


def until_ready(places: Places, session_id: str, patience_s: float, watch: Watch, tell: Tell) -> Target:
    """Wait until the agent takes a prompt. Raises LaneLost, and Pause when it does not in time."""
    began = time.monotonic()
    while True:
        watch()
        asks = ""
        try:
            target = find_target(places, session_id, any_program=True)
            look = target.look()
            asks = f"{target.program} asks: {look.reason or 'something'}" if look.state == "waiting" else ""
            check(target, look)
            tell("")
            return target
        except PaneBusy as error:
            why = error
        except ProcyError as error:
            why = error  # type: ignore[assignment]
            if not is_starting(places, session_id):
                raise LaneLost(f"the agent did not start ({error.what})", "Try its command by hand") from error
        waited = time.monotonic() - began
        tell(asks or (why.what if waited > SLOW_S else ""))
        if waited > patience_s:
            raise Pause(f"the agent takes no prompt ({why.what})", "See to it in its pane; then: procy evolve resume")
        time.sleep(POLL_S)


def is_starting(places: Places, session_id: str) -> bool:
    """Whether a pane has that session, or may have it in a moment."""
    try:
        with open_reader(places.db) as connection:
            row = connection.execute("SELECT status FROM sessions WHERE id = ?", (session_id,)).fetchone()
    except ProcyError:
        return True
    return row is None or row["status"] == "recording"


def send_once(places: Places, session_id: str, prompt: str, injection_id: str, watch: Watch) -> str:
    """Send the prompt, unless an earlier process of this run did. Returns the id of its injection."""
    with open_reader(places.db) as connection:
        row = connection.execute("SELECT status FROM injections WHERE id = ?", (injection_id,)).fetchone()
    status = row["status"] if row else "withheld"
    if status in ("delivered", "unconfirmed"):
        return injection_id
    target = target_of(places, session_id)
    if status == "sending" and went_out(places, target, prompt, injection_id):
        return injection_id
    return send_when_free(places, target, prompt, injection_id, watch)


def send_when_free(places: Places, target: Target, prompt: str, injection_id: str, watch: Watch) -> str:
    """Try until the pane takes it: somebody may be typing there, or the recording be a little behind its program."""
    began = time.monotonic()
    while True:
        watch()
        try:
            with turn_to_send(target, CLAIM_S):
                deliver(target, prompt, injection_id=injection_id)
            return injection_id
        except PaneBusy as error:
            if time.monotonic() - began > BUSY_S:
                raise Pause(f"the prompt could not be typed ({error.what})", error.remedy) from error
        except PaneRefuses as error:
            if time.monotonic() - began > REFUSED_S:
                raise LaneLost(error.what, error.remedy) from error
        except TmuxError as error:
            raise LaneLost(f"the lane's pane is gone ({error.what})", "Go on with: procy evolve resume") from error
        except ProcyError as error:
            raise Pause(error.what, error.remedy) from error
        time.sleep(RETRY_S)


def went_out(places: Places, target: Target, prompt: str, injection_id: str) -> bool:
    """Whether a prompt that a process was killed at did arrive; one that stands in the composer is sent now."""
    composer = Composer(target, prompt)
    if composer.holds_text(composer.shown(target.look())):
        composer.enter()
        settle(places, injection_id, "unconfirmed")
        return True
    until = time.monotonic() + CLAIM_S
    with open_reader(places.db) as connection:
        while time.monotonic() < until:
            if injections.turn_of(connection, injection_id):
                settle(places, injection_id, "delivered")
                return True
            time.sleep(POLL_S)
    settle(places, injection_id, "withheld")
    return False


def settle(places: Places, injection_id: str, status: str) -> None:
    with written(places.db) as connection:
        injections.settle(connection, injection_id, status, None)


def wait_for_answer(places: Places, session_id: str, injection_id: str, patience_s: float, watch: Watch, tell: Tell) -> Answer:
    """Until the prompt's turn has ended and the agent is ready, and stays so. Raises LaneLost where it is gone before."""
    try:
        target = target_of(places, session_id)
    except LaneLost:
        with open_reader(places.db) as connection:
            row = injections.turn_of(connection, injection_id)
            if row is None or row["status"] == "open":
                raise
            return answer_of(connection, session_id, row)
    began = time.monotonic()
    calm_since: float | None = None
    worked = False
    draft = Draft()
    with open_reader(places.db) as connection:
        while time.monotonic() - began < patience_s:
            watch()
            row = injections.turn_of(connection, injection_id)
            look = look_at(target)
            if (look.dead or not target.has_terminal()) and (row is None or row["status"] == "open"):
                raise LaneLost(f"{target.program} in pane {target.name} has ended", "Go on with: procy evolve resume")
            tell(f"{target.program} asks: {look.reason or 'something'}" if look.state == "waiting" else "")
            worked = worked or look.state == "busy"
            patience = UNSEEN_S if tells_of_turns(target) else 0.0 if worked else SILENT_S
            unseen = row is None and time.monotonic() - began > patience
            is_ready = look.state in ("idle", "error", "") and not draft.is_written(target.typed(look))
            is_over = look.dead or (is_ready and (unseen or (row and row["status"] != "open")))
            calm_since = (calm_since or time.monotonic()) if is_over else None
            if calm_since is not None and time.monotonic() - calm_since >= CALM_S:
                return answer_of(connection, session_id, row) if row or tells_of_turns(target) else Answer(status="done")
            time.sleep(POLL_S)
        row = injections.turn_of(connection, injection_id)
        return Answer(status="unanswered", turn_id=row and row["id"], reason=f"no answer within {patience_s:.0f} s")


def tells_of_turns(target: Target) -> bool:
    """Whether the agent keeps a transcript. Of one that does not, a turn is what its screen or its state shows of it."""
    return bool(target.profile and target.profile.transcript)


def look_at(target: Target) -> Look:
    try:
        return target.look()
    except TmuxError as error:
        raise LaneLost(f"pane {target.name} is gone", "Go on with: procy evolve resume") from error


def answer_of(connection: sqlite3.Connection, session_id: str, row: sqlite3.Row | None) -> Answer:
    """``mixed``: a human prompted the agent too, since the prompt."""
    if row is None:
        return Answer(status="unanswered", reason="the agent told of no turn for the prompt")
    later = connection.execute(
        "SELECT agent_session_id, origin FROM turns WHERE session_id = ? AND started_at >= ? ORDER BY seq",
        (session_id, row["started_at"]),
    ).fetchall()
    conversation = next((turn["agent_session_id"] for turn in reversed(later) if turn["agent_session_id"]), "") or ""
    mixed = any(turn["origin"] == "human" for turn in later)
    status: Any = row["status"] if not (mixed and row["status"] == "interrupted") else "done"
    return Answer(
        status=status, turn_id=row["id"], conversation=conversation, mixed=mixed,
        reason=str(row["error"] or "the agent told of an error") if status == "error" else "",
    )  # fmt: skip
