"""What leaves the pages: a turn to be pasted elsewhere, a session as a file. Secrets are masked first."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from datasette import Request, Response, hookimpl
from datasette.utils.asgi import AsgiStream, AsgiWriter

from procy.parse.redact import mask
from procy.recording.markdown import turn_markdown
from procy.store import read, session_pages
from procy.store.db import open_reader
from procy.store.forgotten import add_export
from procy.store.write import written
from procy.ui import guard
from procy.ui.document import document, fragment
from procy.ui.pages import Pages

WHERE = "a browser's downloads"  # for `procy forget`, which says where a session went
PIECES = 8  # of a file that are made at a time
HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@guard.page
def markdown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    turn = session_pages.page_turn(connection, guard.variable(request, "turn"))
    key = turn["id"]
    lines = turn_markdown(turn, read.tool_calls(connection, [key])[key], read.turn_files(connection, [key])[key])
    return Response.text(mask("".join(lines)))


@guard.page
def coloured(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    turn = session_pages.page_turn(connection, guard.variable(request, "turn"))
    html = fragment(connection, pages.spool, turn)
    return Response.html(html, headers={"Content-Security-Policy": HARMLESS})


@guard.stream
async def save(pages: Pages, request: Request) -> Any:
    """A session as a file to keep."""
    database = await pages.database()
    handle = guard.variable(request, "session")
    session = await database.execute_fn(lambda connection: dict(session_pages.page_session(connection, handle)))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", session["name"] or session["agent"]).strip("-.") or "session"
    headers = {
        "Content-Disposition": f'attachment; filename="{name[:60]}-{read.short(session["id"])}.html"',
        "Content-Security-Policy": HARMLESS, "Cache-Control": "no-store",
    }  # fmt: skip
    asked = request.method == "GET"

    async def write(writer: AsgiWriter) -> None:
        if asked:
            await send(pages, str(database.path), session["id"], writer)

    return AsgiStream(write, headers=headers, content_type="text/html; charset=utf-8")


async def send(pages: Pages, path: str, session_id: str, writer: AsgiWriter) -> None:
    """Write the file as it is made, in a thread of its own, and note afterwards that it was."""
    with ThreadPoolExecutor(1) as thread:

        async def there(work: Callable[[], Any]) -> Any:
            return await asyncio.get_running_loop().run_in_executor(thread, work)

        connection = await there(lambda: open_reader(path))
        try:
            session = await there(lambda: session_pages.page_session(connection, session_id))
            pieces: Iterator[str] = document(connection, pages.spool, session)
            digest = hashlib.sha256()
            while data := await there(lambda: "".join(islice(pieces, PIECES))):
                digest.update(data.encode("utf-8", "replace"))
                await writer.write(data)
            await there(lambda: note(pages, session_id, digest.hexdigest()))
        finally:
            await there(connection.close)


def note(pages: Pages, session_id: str, sha256: str) -> None:
    with written(pages.places.db) as connection:
        add_export(connection, session_id, "html", WHERE, sha256, time.time_ns())


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/t/(?P<turn>[^/]+)/copy\.md$", markdown),
        (r"/-/procy/t/(?P<turn>[^/]+)/copy\.html$", coloured),
        (r"/-/procy/s/(?P<session>[^/]+)/export\.html$", save),
    ]
