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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from datasette.database import Database
from datasette.utils.asgi import AsgiStream, AsgiWriter

from procy.errors import HandleError
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
GONE = Event("gone", "{}")  # what was listened to is not there, or not any more


class Topic(Protocol):
    """Something that pages listen to. One with a true ``restless`` has news beside the database, and is asked at every tick."""

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
                    await self.publish(database, now != version)
                    version = now
                except sqlite3.Error:
                    log.exception("the news cannot be read; trying again")
                    await asyncio.sleep(ERROR_S)
                await asyncio.sleep(TICK_S)
        finally:
            connection.close()

    async def publish(self, database: Database, changed: bool = True) -> None:
        """Tell every topic's news, or where nothing changed in the database, those of the restless ones.

        Raises sqlite3.Error, once all were asked, where one has to be asked again.
        """
        listened = [one for one in self.topics.values() if changed or getattr(one[0], "restless", False)]
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


@dataclass(frozen=True, slots=True)
class Source:
    """What one stream tells: news of a topic, after what was missed since ``last_id``."""

    make: Callable[[], Topic]
    key: str
    last_id: str


class Stream(AsgiStream):  # type: ignore[misc]
    """The response with one topic's events. ``source`` is for who tells several topics over one connection."""

    def __init__(self, hub: Hub, database: Database, source: Source, receive: Callable[[], Awaitable[Any]]) -> None:
        self.source = source
        write = writing(hub, database, {"": source}, receive, lambda _, event: str(event))
        super().__init__(write, headers=HEADERS, content_type=CONTENT_TYPE)


HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
CONTENT_TYPE = "text/event-stream; charset=utf-8"


def events(
    hub: Hub, database: Database, make: Callable[[], Topic], key: str, last_id: str, receive: Callable[[], Awaitable[Any]]
) -> Stream:
    """The response: first what was missed since ``last_id``, then what happens."""
    return Stream(hub, database, Source(make, key, last_id), receive)


def writing(
    hub: Hub,
    database: Database,
    sources: Mapping[str, Source],
    receive: Callable[[], Awaitable[Any]],
    form: Callable[[str, Event], str],
) -> Callable[[AsgiWriter], Awaitable[None]]:
    """What writes the events of all sources, each in the form that ``form(name of its source, event)`` gives it."""

    async def write(writer: AsgiWriter) -> None:
        gone = asyncio.ensure_future(disconnected(receive))
        names = list(sources)
        try:
            async with contextlib.AsyncExitStack() as stack:
                heard = [
                    await stack.enter_async_context(hub.listening(database, source.make, source.key))
                    for source in sources.values()
                ]
                await writer.write("retry: 2000\n\n")
                for (topic, _), (name, source) in zip(heard, sources.items(), strict=True):
                    for event in await missed(database, topic, source.last_id):
                        await writer.write(form(name, event))
                queues = [queue for _, queue in heard]
                await pass_on(queues, gone, writer, hub, lambda place, event: form(names[place], event))
        finally:
            gone.cancel()

    return write


async def missed(database: Database, topic: Topic, last_id: str) -> list[Event]:
    """What happened since; GONE or BEHIND where that cannot be told, so that the other topics of a stream are."""
    try:
        found: list[Event] = await database.execute_fn(lambda connection: topic.since(connection, last_id))
    except HandleError:
        return [GONE]
    except sqlite3.Error:
        log.exception("what was missed of %s cannot be told", topic.key)
        return [BEHIND]
    return found


async def pass_on(
    queues: Sequence[asyncio.Queue[Event | None]],
    gone: asyncio.Future[None],
    writer: AsgiWriter,
    hub: Hub,
    form: Callable[[int, Event], str],
) -> None:
    """Write what comes, until the browser leaves or a queue says that it ends."""
    waiting: dict[asyncio.Future[Any], int] = {asyncio.ensure_future(queue.get()): place for place, queue in enumerate(queues)}
    try:
        while not hub.closed:
            done, _ = await asyncio.wait({*waiting, gone}, timeout=SILENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if gone in done:
                return
            if not done:
                await writer.write(": still here\n\n")
            for one in done:
                place, event = waiting.pop(one), one.result()
                if event is None:
                    return
                await writer.write(form(place, event))
                waiting[asyncio.ensure_future(queues[place].get())] = place
    finally:
        for one in waiting:
            one.cancel()


async def disconnected(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
