"""What procy's pages share in Datasette: the guard, the poller, connection settings, the menu, signing in, static files."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from datasette import Request, Response, handle_exception, hookimpl
from datasette.app import Datasette
from datasette.permissions import PermissionSQL
from datasette.utils.asgi import asgi_static

from procy.errors import StoreError
from procy.places import find_places
from procy.settings import load_settings
from procy.ui import guard
from procy.ui.pages import Pages, all_pages, open_pages, pages_of, set_pragmas


@hookimpl
def asgi_wrapper(datasette: Datasette) -> Callable[[guard.App], guard.App]:
    hosts = load_settings(find_places()).ui.hosts
    cookie = guard.cookie_name(datasette.files)
    return lambda app: guard.Guard(app, hosts, cookie)


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    set_pragmas(conn)


@hookimpl
def startup(datasette: Datasette) -> None:
    handle_exception.rich = None  # it prints every local variable to the log, and fails itself for unknown addresses

    async def poll(datasette: Datasette) -> None:
        with suppress(StoreError):  # none of these databases is ours: no news
            await asyncio.gather(*[one.hub.run(await one.database()) for one in await open_pages(datasette)])

    datasette.add_background_task(poll, name="procy: news for open pages")


@hookimpl
def shutdown(datasette: Datasette) -> None:
    for pages in all_pages(datasette):
        pages.hub.close()


@hookimpl
def permission_resources_sql(actor: dict[str, Any] | None, action: str) -> PermissionSQL | None:
    if actor == guard.OWNER and action in guard.OWNER_MAY:
        return PermissionSQL.allow(reason="signed in with a link of procy")
    return None


@hookimpl
def forbidden(datasette: Datasette, request: Request) -> Response | None:
    if datasette.default_deny and not request.actor:
        return pages_of(datasette, request).html("signed_out.html", {}, status=403)
    return None


@hookimpl
def menu_links(datasette: Datasette) -> list[dict[str, str]]:
    root = pages_of(datasette).root
    found = (("", "Sessions"), ("/evolve", "Evolve"), ("/corrections", "Corrections"), ("/gateway", "Gateway"))
    return [{"href": root + path, "label": label} for path, label in found]


FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


async def static(datasette: Datasette, request: Request, send: guard.Send) -> Any:
    """Nothing in there is anybody's: the page that asks to sign in has its style, too."""
    guard.only_read(request)
    assets = pages_of(datasette, request).assets
    kept = request.url_vars.get("version") == assets.version()
    return await asgi_static(assets.folder, headers=FOR_EVER if kept else None)(request, send)


static._datasette_static = True  # files that never change under one address: no need for no-store


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/sign-in$", guard.sign_in),
        (r"/-/procy/static/~(?P<version>[0-9a-f]{12})/(?P<path>.+)$", static),
        (r"/-/procy/static/(?P<path>.+)$", static),
    ]


@guard.page
def nothing_here(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    return pages.message(404, "No such page", "What there is can be reached from the list of sessions.")


@hookimpl(specname="register_routes", trylast=True)
def register_last_route() -> list[tuple[str, Any]]:
    return [(r"/-/procy/.*[^/]$", nothing_here)]
