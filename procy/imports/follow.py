"""Keeping up with what agents write that are not recorded: whole turns, as they come, with little to do in between."""

from __future__ import annotations

import time
from collections.abc import Callable

from procy.imports.conversation import Conversation, TakenOver
from procy.imports.run import Import, size_of
from procy.types import TranscriptFile

LOOK_S = 5.0  # how often folders are searched for what is new
TICK_S = 0.5  # how often files are looked at that grow
QUIET_S = 120.0  # a conversation that has not grown for so long is closed: its open turn was cut short


class Followed:
    """A conversation that grows, and when it last did."""

    def __init__(self, conversation: Conversation, at: float) -> None:
        self.conversation, self.at = conversation, at


def follow(run: Import, kept: Callable[[], list[TranscriptFile]], is_over: Callable[[], bool] = lambda: False) -> None:
    """Until somebody interrupts, or ``is_over``; then every conversation is closed."""
    growing: dict[str, Followed] = {}
    sizes = {key_of(file): size_of(file) for file in kept()}
    looked = time.monotonic()
    try:
        while not is_over():
            time.sleep(TICK_S)
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                meet(run, kept(), sizes, growing)
            keep_up(run, growing)
    finally:
        for one in growing.values():
            finish(run, one.conversation)


def meet(run: Import, files: list[TranscriptFile], sizes: dict[str, int], growing: dict[str, Followed]) -> None:
    """Begin with files that have grown and are not followed yet."""
    for file in files:
        size, key = size_of(file), key_of(file)
        if key in growing or size == sizes.get(key):
            continue
        sizes[key] = size
        try:
            if conversation := run.opened(file):
                growing[key] = Followed(conversation, time.monotonic())
        except OSError as error:
            run.report.failed.append((file.path, error.strerror or str(error)))


def key_of(file: TranscriptFile) -> str:
    """Of a conversation: a file may hold several."""
    return f"{file.path}\0{file.agent_session_id}"


def keep_up(run: Import, growing: dict[str, Followed]) -> None:
    """Read what has come, and let go of what has fallen silent or is recorded now."""
    for key, one in list(growing.items()):
        try:
            before = one.conversation.offset
            for _ in one.conversation.advance():
                pass
            if one.conversation.offset > before:
                one.at = time.monotonic()
            elif time.monotonic() - one.at > QUIET_S:
                finish(run, growing.pop(key).conversation)
        except TakenOver:
            del growing[key]


def finish(run: Import, conversation: Conversation) -> None:
    try:
        if conversation.offset > conversation.first:
            conversation.close()
            run.count(conversation)
    except TakenOver:
        pass
