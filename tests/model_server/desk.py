"""The desk behind all wires: it writes down what arrived and decides what is answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from .conversation import Conversation
from .http import Request
from .scenario import Failure, Reply, failure_for, reply_to


@dataclass(frozen=True)
class Received:
    """One request as it arrived: `at` is monotonic seconds, `wire` "" for paths no wire knows, `attempt` counts from 1."""

    at: float
    wire: str
    request: Request
    conversation: Conversation
    attempt: int


class Desk:
    """`side_replies` maps a wire's name to its answers for the client's own requests."""

    def __init__(self, side_replies: dict[str, Callable[[Conversation], Reply | None]]) -> None:
        self.requests: list[Received] = []
        self._side_replies = side_replies
        self._attempts: Counter[tuple] = Counter()

    def note(self, wire: str, request: Request, conversation: Conversation) -> Received:
        key = (wire, conversation.side, *conversation.key)
        self._attempts[key] += 1
        received = Received(time.monotonic(), wire, request, conversation, self._attempts[key])
        self.requests.append(received)
        return received

    def decide(self, wire: str, request: Request, conversation: Conversation) -> Reply | Failure:
        attempt = self.note(wire, request, conversation).attempt
        if conversation.side and (reply := self._side_replies[wire](conversation)):
            return reply
        failure = failure_for(conversation.prompt)
        if failure and (failure.times is None or attempt <= failure.times):
            return failure
        return reply_to(conversation.prompt, conversation.rounds, conversation.folded)

    async def pause(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)
