"""One session's way to the database: each call puts one write into the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from procy.capture.hooks import HookFile
from procy.capture.spool import Cursor
from procy.parse.redact import mask, mask_json, starred_picture
from procy.parse.texts import TerminalText
from procy.settings import Settings
from procy.sidecar.outbox import Outbox
from procy.store import write
from procy.store.blobs import Block
from procy.store.resumable import Place, put_place
from procy.types import PaneEvent, Picture, TranscriptFile, Turn


class Rows:
    """``session_id`` is that of every row; a sub-agent's rows go to a ``Rows`` of its own."""

    def __init__(self, outbox: Outbox, session_id: str, settings: Settings) -> None:
        self.outbox, self.session_id, self.settings = outbox, session_id, settings
        self.raw = settings.raw  # keep, redact, drop

    def session(self, values: Mapping[str, Any]) -> None:
        self.outbox.put(lambda connection: write.put_session(connection, self.session_id, values))

    def change(self, **values: Any) -> None:
        """Change columns of the session's row."""
        self.outbox.put(lambda connection: write.change_session(connection, self.session_id, values))

    def place(self, place: Place) -> None:
        self.outbox.put(lambda connection: put_place(connection, self.session_id, place))

    def block(self, block: Block, cursor: Cursor) -> None:
        """A block, and with it the place in the spool behind it."""
        if self.raw != "drop":
            self.outbox.put(lambda connection: write.add_block(connection, self.session_id, block))
        self.cursor(cursor)
        self.change(terminal_bytes=block.end)

    def cursor(self, cursor: Cursor) -> None:
        place = (cursor.segment, cursor.index, cursor.offset)
        self.outbox.put(lambda connection: write.put_cursor(connection, self.session_id, *place))

    def no_cursor(self) -> None:
        self.outbox.put(lambda connection: write.drop_cursor(connection, self.session_id))

    def event(self, event: PaneEvent) -> None:
        if event.picture and self.raw != "keep":
            event = event._replace(picture=starred_picture(event.picture))
        self.outbox.put(lambda connection: write.add_pane_event(connection, self.session_id, event))

    def hook(self, file: HookFile, name: str) -> None:
        if self.raw != "drop":
            payload = mask_json(file.payload) if self.raw == "redact" else file.payload
            self.outbox.put(lambda connection: write.add_hook_event(connection, self.session_id, file.time_ns, name, payload))

    def transcript(self, agent: str, file: TranscriptFile, from_ns: int) -> None:
        values = (agent, file.agent_session_id, file.path, from_ns)
        self.outbox.put(lambda connection: write.put_transcript(connection, self.session_id, *values))
        if file.forked_from and not file.parent:
            self.outbox.put(lambda connection: write.put_fork(connection, self.session_id, file.forked_from))

    def lines(self, transcript_id: str, lines: Sequence[tuple[int, bytes]], next_offset: int) -> None:
        kept = [] if self.raw == "drop" else [(place, self.as_kept(line)) for place, line in lines]
        self.outbox.put(lambda connection: write.add_transcript_lines(connection, transcript_id, kept, next_offset))

    def file(self, transcript_id: str, path: str, content: bytes) -> None:
        if self.raw != "drop":
            kept = self.as_kept(content)
            self.outbox.put(lambda connection: write.add_transcript_file(connection, transcript_id, path, kept))

    def as_kept(self, content: bytes) -> bytes:
        """Raw text as the settings want it kept."""
        return (
            content
            if self.raw == "keep"
            else mask_json(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        )

    def turn(self, turn: Turn) -> None:
        cost = self.settings.cost(turn.model, turn.usage)
        self.outbox.put(lambda connection: write.put_turn(connection, self.session_id, turn, mask, cost))

    def no_open_turns(self, at_ns: int) -> None:
        """The session is over, and so are turns that cannot be told to their end: their bytes were lost after they were told."""
        self.outbox.put(lambda connection: write.end_open_turns(connection, self.session_id, at_ns))

    def keyframe(self, offset: int, picture: Picture) -> None:
        if self.raw != "keep":
            picture = starred_picture(picture)
        self.outbox.put(lambda connection: write.put_keyframe(connection, self.session_id, offset, picture))

    def text(self, text: TerminalText) -> None:
        self.outbox.put(lambda connection: write.add_terminal_text(connection, self.session_id, text.offset, text.text, mask))
