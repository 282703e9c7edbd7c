"""News for open pages: one poller a process looks whether the database changed, and tells every page that listens.

Server-sent events over ordinary HTTP. A *topic* is what a page listens to; its ``news`` runs in a database thread after
every change and says what there is to tell. Streams end when the browser leaves and when the server is asked to stop,
which uvicorn by itself would wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from datasette.database import Database
from datasette.utils.asgi import AsgiStream, AsgiWriter

from procy.store.db import open_reader

log = logging.getLogger("procy.ui")

TICK_S = 0.15
ERROR_S = 2.0  # before another try, when the database cannot be read
SILENCE_S = 15.0  # a comment is sent after so much silence, so that nothing in between gives the connection up
WAITING = 200  # events that may wait for one slow page


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; ``data`` is one line. ``id`` comes back when a browser asks for what it missed."""

    name: str
    data: str
    id: str = ""

    def __str__(self) -> str:
        return (f"id: {self.id}\n" if self.id else "") + f"event: {self.name}\ndata: {self.data}\n\n"


BEHIND = Event("behind", "{}")  # there is more news than is worth sending: load the page again


class Topic(Protocol):
    """Something that pages listen to."""

    key: str

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        """What changed since the last call; the first call only looks."""

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        """What a page that knows everything up to ``last_id`` has missed."""


class Hub:
    """The listeners of one process, by topic."""

    def __init__(self) -> None:
        self.topics: dict[str, tuple[Topic, set[asyncio.Queue[Event | None]]]] = {}
        self.wanted = asyncio.Event()
        self.closed = False

    async def run(self, database: Database) -> None:
        """Poll until the server stops. ``PRAGMA data_version`` costs microseconds and needs a connection of its own."""
        connection = open_reader(database.path)
        version = None
        try:
            while not self.closed:
                await self.wanted.wait()
                if server_stops():
                    self.close()
                    return
                try:
                    now = connection.execute("PRAGMA data_version").fetchone()[0]
                    if now != version:
                        await self.publish(database)
                        version = now
                except sqlite3.Error:
                    log.exception("the news cannot be read; trying again")
                    await asyncio.sleep(ERROR_S)
                await asyncio.sleep(TICK_S)
        finally:
            connection.close()

    async def publish(self, database: Database) -> None:
        """Tell every topic's news. Raises sqlite3.Error, once all were asked, where one has to be asked again."""
        listened = list(self.topics.values())
        told = await asyncio.gather(*(database.execute_fn(topic.news) for topic, _ in listened), return_exceptions=True)
        for (topic, queues), found in zip(listened, told, strict=True):
            if isinstance(found, BaseException):
                log.error("the news of %s cannot be told", topic.key, exc_info=found)
                found = [] if isinstance(found, sqlite3.Error) else [BEHIND]
            for event in found:
                for queue in queues:
                    offer(queue, event)
        for found in told:
            if isinstance(found, sqlite3.Error):
                raise found

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        for _, queues in self.topics.values():
            for queue in queues:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(None)
        self.wanted.set()

    def listeners(self) -> int:
        return sum(len(queues) for _, queues in self.topics.values())

    @contextlib.asynccontextmanager
    async def listening(
        self, database: Database, make: Callable[[], Topic], key: str
    ) -> AsyncIterator[tuple[Topic, asyncio.Queue[Event | None]]]:
        """A queue of what happens from now on; None in it means the end."""
        if key not in self.topics:
            topic = make()
            await database.execute_fn(topic.news)
            self.topics.setdefault(key, (topic, set()))
        topic, queues = self.topics[key]
        queue: asyncio.Queue[Event | None] = asyncio.Queue(WAITING)
        queues.add(queue)
        self.wanted.set()
        try:
            yield topic, queue
        finally:
            queues.discard(queue)
            if not queues:
                self.topics.pop(key, None)
            if not self.topics and not self.closed:
                self.wanted.clear()


def offer(queue: asyncio.Queue[Event | None], event: Event) -> None:
    """Add an event; a page that is too slow for them all is told to load itself again instead."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        event = BEHIND
    queue.put_nowait(event)


def server_stops() -> bool:
    """Whether uvicorn was asked to stop. It tells nobody before all streams have ended, so look at whose handler SIGINT has."""
    handler = signal.getsignal(signal.SIGINT)
    return bool(getattr(getattr(handler, "__self__", None), "should_exit", False))


def events(
    hub: Hub, database: Database, make: Callable[[], Topic], key: str, last_id: str, receive: Callable[[], Awaitable[Any]]
) -> AsgiStream:
    """The response: first what was missed since ``last_id``, then what happens."""

    async def write(writer: AsgiWriter) -> None:
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            async with hub.listening(database, make, key) as (topic, queue):
                await writer.write("retry: 2000\n\n")
                for event in await database.execute_fn(lambda connection: topic.since(connection, last_id)):
                    await writer.write(str(event))
                await pass_on(queue, gone, writer, hub)
        finally:
            gone.cancel()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return AsgiStream(write, headers=headers, content_type="text/event-stream; charset=utf-8")


async def pass_on(queue: asyncio.Queue[Event | None], gone: asyncio.Future[None], writer: AsgiWriter, hub: Hub) -> None:
    while not hub.closed:
        waiting = asyncio.ensure_future(queue.get())
        either: set[asyncio.Future[Any]] = {waiting, gone}
        done, _ = await asyncio.wait(either, timeout=SILENCE_S, return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            waiting.cancel()
        if gone in done:
            return
        if not done:
            await writer.write(": still here\n\n")
            continue
        event = waiting.result()
        if event is None:
            return
        await writer.write(str(event))


async def disconnected(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
