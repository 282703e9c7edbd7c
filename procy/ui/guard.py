"""Who may see the pages: known host names, one cookie a database, a permission check before every view of ours.

Datasette checks permissions for its own pages only, and never the Host header; without that, a page of another site
could read everything here through a name that it points at this machine (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, cast
from urllib.parse import unquote

from datasette import Forbidden, Request, Response
from datasette.app import Datasette
from datasette.database import Database
from datasette.resources import DatabaseResource
from datasette.utils import sqlite_timelimit
from datasette.utils.asgi import BadRequest

from procy.errors import HandleError, ProcyError
from procy.ui.address import check_key
from procy.ui.pages import MEANT, Pages, pages_of, place_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Later = Callable[[], Response]
View = Callable[[Pages, sqlite3.Connection, Request], "Response | Later"]
ActionView = Callable[[Pages, Request, Mapping[str, str]], Mapping[str, Any]]
StreamView = Callable[[Pages, Request], Awaitable[Any]]

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
OWNER = {"id": "owner"}
OWNER_MAY = ("view-instance", "view-database", "view-table", "view-query", "execute-sql")
SIGNED_IN_S = 30 * 24 * 3600
VIEW_LIMIT_MS = 8_000
LONGEST_FIELD = 2_000_000  # bytes of one field of a form: prompts have held whole logs
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """ASGI middleware around all of Datasette, its own pages included."""

    def __init__(self, app: App, hosts: Iterable[str], cookie: str) -> None:
        self.app = app
        self.hosts = {host.lower() for host in (*LOCAL_HOSTS, *hosts)}
        self.cookie = cookie.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        given = [value for name, value in headers if name == b"host"]
        if len(given) != 1 or host_name(given[0].decode("latin-1")) not in self.hosts:
            await refuse(send)
            return
        scope = meant(
            dict(scope, headers=[(name, self.ours_in(value) if name == b"cookie" else value) for name, value in headers])
        )

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                out = [
                    (name, self.ours_out(value) if name.lower() == b"set-cookie" else value) for name, value in message["headers"]
                ]
                message = dict(message, headers=[*out, *HEADERS])
            await send(message)

        await self.app(scope, receive, send_guarded)

    def ours_in(self, cookies: bytes) -> bytes:
        """The Cookie header with our cookie in the place of ``ds_actor``, where it has ours."""
        pairs = [pair.strip() for pair in cookies.split(b";")]
        ours = [pair for pair in pairs if pair.startswith(self.cookie + b"=")]
        if not ours:
            return cookies
        return b"; ".join(
            [*(pair for pair in pairs if not pair.startswith(b"ds_actor=")), b"ds_actor=" + ours[0].partition(b"=")[2]]
        )

    def ours_out(self, cookie: bytes) -> bytes:
        """A Set-Cookie header with ``ds_actor`` renamed: two Datasettes on one host shall not sign each other out."""
        if not cookie.startswith(b"ds_actor="):
            return cookie
        stay = b"" if b"max-age" in cookie.lower() else b"; Max-Age=%d" % SIGNED_IN_S
        return self.cookie + cookie[len(b"ds_actor") :] + stay + b"; HttpOnly"


def meant(scope: Scope) -> Scope:
    """The request with the path that our routes know, and the database that its path names."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path, name = place_of(raw.decode("latin-1"))
    if not name:
        return scope
    return {**scope, "path": unquote(path.partition("?")[0]), "raw_path": path.encode("latin-1"), MEANT: name}


def host_name(host: str) -> str:
    """A Host header without its port."""
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d+)?", host.strip().lower())
    return match[1].strip("[]").rstrip(".") if match else ""


async def refuse(send: Send) -> None:
    text = b"procy: these pages are not known under this name. Add it to [ui] hosts in procy's configuration.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def cookie_name(paths: Iterable[str | None]) -> str:
    """Another one for each set of databases."""
    names = "\n".join(os.path.realpath(path) for path in paths if path)
    return "procy_" + hashlib.sha256(names.encode()).hexdigest()[:8]


# -- views ------------------------------------------------------------------------------------------------------------


def page(view: View) -> Callable[[Datasette, Request], Awaitable[Response]]:
    """A view that reads the database and answers, in a thread with a connection of Datasette's.

    Those threads are few: what else takes its time, git for one, is a function that the view returns in place of the answer.
    """

    async def guarded(datasette: Datasette, request: Request) -> Response:
        pages = pages_of(datasette, request)

        def answer(connection: sqlite3.Connection) -> Response | Later:
            with sqlite_timelimit(connection, VIEW_LIMIT_MS):
                return view(pages, connection, request)

        async def work() -> Response:
            database = await admit(pages, request)
            found = cast("Response | Later", await database.execute_fn(answer))
            return await asyncio.to_thread(found) if callable(found) else found

        return await answered(pages, work())

    return guarded


def action(view: ActionView) -> Callable[[Datasette, Request], Awaitable[Response]]:
    """A view that changes something: by POST, for who is signed in. Datasette has refused what other sites send.

    It gets the form's fields and returns what the page needs to know, as JSON; a ProcyError becomes ``error`` and ``remedy``.
    It runs in a thread and writes with ``store.write.written``.
    """

    async def guarded(datasette: Datasette, request: Request) -> Response:
        pages = pages_of(datasette, request)
        if request.method != "POST":
            raise Forbidden("This address takes orders by POST only")
        try:
            resource = DatabaseResource((await pages.database()).name)
            await datasette.ensure_permission(action="view-database", resource=resource, actor=request.actor)
            if not request.actor:
                raise Forbidden("Whoever changes something signs in first")
            form = await request.form(max_field_size=LONGEST_FIELD)
            told = await asyncio.to_thread(view, pages, request, {name: str(form[name]) for name in form})
        except BadRequest as error:
            return Response.json({"error": str(error), "remedy": "Load the page again"}, status=400)
        except ProcyError as error:
            status = 404 if isinstance(error, HandleError) else 409
            return Response.json({"error": error.what, "remedy": error.remedy}, status=status)
        return Response.json(dict(told), headers={"Cache-Control": "no-store"})

    return guarded


def stream(view: StreamView) -> Callable[[Datasette, Request], Awaitable[Any]]:
    """A view that tells news for as long as somebody listens."""

    async def guarded(datasette: Datasette, request: Request) -> Any:
        pages = pages_of(datasette, request)

        async def work() -> Any:
            await admit(pages, request)
            return await view(pages, request)

        return await answered(pages, work())

    guarded.stream_view = view  # type: ignore[attr-defined]  # for procy.ui.channel, which has admitted already
    return guarded


async def answered(pages: Pages, work: Awaitable[Any]) -> Any:
    """What a view answers, or the page that says what is wrong."""
    try:
        return await work
    except ProcyError as error:
        status = 404 if isinstance(error, HandleError) else 500
        return pages.message(status, error.what[:1].upper() + error.what[1:], error.remedy)
    except sqlite3.OperationalError as error:
        if str(error) != "interrupted":
            raise
        return pages.message(503, "This took too long", "Ask for less: more letters before a *, or one session only.")


async def admit(pages: Pages, request: Request) -> Database:
    """The database, for whoever may see it. Raises Datasette's Forbidden."""
    database = await pages.database()
    only_read(request)
    resource = DatabaseResource(database.name)
    await pages.datasette.ensure_permission(action="view-database", resource=resource, actor=request.actor)
    return database


def only_read(request: Request) -> None:
    """Raises Datasette's Forbidden for what would change something."""
    if request.method not in ("GET", "HEAD"):
        raise Forbidden("These pages are only read")


async def sign_in(datasette: Datasette, request: Request) -> Response:
    """Follow a link of ``procy ui`` or ``procy open``: the only view without a check before it. Whoever follows it uses it up."""
    pages = pages_of(datasette, request)
    onward = safe_path(request.args.get("next") or pages.root)
    start, key = pages.server.start if pages.server else "", request.args.get("key") or ""
    name = check_key(datasette._secret, start, key, time.time()) if pages.server else None
    fresh = name is not None and name not in pages.used_keys
    if name is not None:
        pages.used_keys.add(name)
    if request.actor:
        return Response.redirect(onward)
    if pages.server is None:
        return pages.message(404, "No sign-in here", "Plain datasette signs in with the link that its --root option prints.")
    if not fresh:
        return pages.message(403, "This link has been used, or is too old", "Make a new one with: procy open")
    response = Response.redirect(onward)
    datasette.set_actor_cookie(response, OWNER, expire_after=SIGNED_IN_S)
    return response


def safe_path(path: str) -> str:
    """The path itself, if it stays on this site; else ``/``."""
    return path if re.fullmatch(r"/(?![/\\])[^\\\s]*", path) else "/"


def variable(request: Request, name: str) -> str:
    """A part of the path, decoded."""
    return unquote(request.url_vars[name])


def wanted(request: Request) -> str:
    """What is searched for."""
    return (request.args.get("q") or "").replace("\0", " ").strip()


def number(request: Request, name: str) -> int | None:
    """A whole number from the query string; None for none and for what is no number."""
    text = request.args.get(name) or ""
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None
