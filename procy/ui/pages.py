"""What all pages of one Datasette share: the database, templates, assets, and who listens for news."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from datasette import Request, Response
from datasette.app import Datasette
from datasette.database import Database
from datasette.utils import tilde_decode, tilde_encode
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from procy.errors import HandleError, StoreError
from procy.places import Places, find_places
from procy.store.read import short
from procy.ui import prose, words
from procy.ui.address import Server
from procy.ui.assets import Assets, plugins_folder
from procy.ui.live import Hub

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MARK_TABLE = "terminal_blocks"  # a database with this table is ours
ROOT = "/-/procy"
BESIDE = re.compile(rf"(.*?{ROOT})/@([^/?]+)(.*)", re.DOTALL)  # a path of the pages of a database beside the first
MEANT = "procy database"  # in an ASGI scope: the one that a path means, where it is not the first


class Pages:
    """One for each of a Datasette's databases that is procy's. ``server`` is None where plain ``datasette`` runs our plugins.

    ``beside``: the name of a database beside the first, whose pages have that name in their addresses.
    """

    def __init__(
        self, datasette: Datasette, places: Places | None = None, server: Server | None = None, beside: str = ""
    ) -> None:
        self.datasette = datasette
        self.beside = beside
        self.given_places = places
        self.server = server
        self.used_keys: set[str] = set()
        self.folder = plugins_folder()
        self.assets = Assets(self.folder / "static")
        self.hub = Hub()
        self.environment = self.make_environment()
        self._database: Database | None = None

    # -- the database ---------------------------------------------------------------------------------------------

    async def database(self) -> Database:
        """The first of Datasette's databases that is procy's, or that beside it. Raises StoreError, HandleError."""
        if self._database is None:
            found = await databases_of(self.datasette)
            self._database = next((one for one in found if self.beside in ("", one.name)), None)
        if self._database is None and self.beside:
            raise HandleError(f"there is no database {self.beside} of procy's here", "Begin at the list of sessions")
        if self._database is None:
            raise StoreError("none of these databases is procy's", "Start with: procy ui, or datasette PROCY_HOME/procy.db")
        return self._database

    @property
    def places(self) -> Places:
        """Where the database and what belongs to it are."""
        return self.given_places or find_places(self._database.path if self._database else None)

    @property
    def name(self) -> str:
        """Of the database, once it is known."""
        return self._database.name if self._database else self.beside

    def for_database(self, database: Database) -> Pages:
        """Pages like these of another database; who is signed in here is there too."""
        other = Pages(self.datasette, find_places(database.path), self.server, database.name)
        other.used_keys = self.used_keys
        return other

    @property
    def spool(self) -> str:
        return self.places.spool

    # -- HTML -----------------------------------------------------------------------------------------------------

    @property
    def root(self) -> str:
        """The path that all our addresses begin with."""
        return str(self.datasette.urls.path(ROOT + (f"/@{tilde_encode(self.beside)}" if self.beside else "")))

    def query_address(self, sql: str = "", given: Mapping[str, str] | None = None, name: str = "-/query") -> str:
        """Datasette's own page of some SQL, to look at and to change; or that of a stored query. After ``database``."""
        assert self._database is not None
        query = {"sql": sql, **(given or {})} if sql else (given or {})
        return f"{self.datasette.urls.database(self._database.name)}/{name}" + (f"?{urlencode(query)}" if query else "")

    def make_environment(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(self.folder / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters |= {
            "ago": words.ago, "clock": words.clock, "stamp": words.stamp, "tokens": words.tokens, "dollars": words.dollars,
            "duration": words.duration, "one_line": words.one_line, "prose": prose.prose, "highlighted": prose.highlighted,
            "json_words": prose.json_words, "figure": words.figure, "signed": words.signed,
            "short": short, "home": lambda path: words.home_short(path, os.path.expanduser("~")),
        }  # fmt: skip
        environment.globals |= {"asset": lambda name: self.assets.url(self.root, name), "diff_lines": prose.diff_lines}
        return environment

    def render(self, template: str, context: Mapping[str, Any]) -> Markup:
        places = {"root": self.root, "home": self.datasette.urls.instance(), "neighbours": neighbours(self)}
        return Markup(self.environment.get_template(template).render(**places, **context))

    def html(self, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        return Response.html(self.render(template, context), status=status, headers={"Content-Security-Policy": POLICY})

    def message(self, status: int, title: str, text: str) -> Response:
        """A page that says what is wrong and what to do."""
        return self.html("message.html", {"title": title, "text": text}, status)


def session_links(pages: Pages, session: sqlite3.Row) -> dict[str, Any]:
    """A session and the addresses of its two pages."""
    conversation = f"{pages.root}/s/{session['id']}"
    return {"session": session, "conversation": conversation, "terminal": f"{conversation}/terminal"}


_pages: WeakKeyDictionary[Datasette, dict[str, Pages]] = WeakKeyDictionary()  # by ``beside``


def pages_of(datasette: Datasette, request: Request | None = None) -> Pages:
    """The pages that a request means; those of the first database without one."""
    found = _pages.setdefault(datasette, {})
    name = request.scope.get(MEANT, "") if request else ""
    if not found:
        found[""] = Pages(datasette)
    return found[name] if name in found else Pages(datasette, beside=name)


def pages_in(datasette: Datasette, database: str) -> Pages:
    """The pages of a database by its name; the first one's where it has none of its own."""
    return _pages.get(datasette, {}).get(database) or pages_of(datasette)


def all_pages(datasette: Datasette) -> list[Pages]:
    return list(_pages.get(datasette, {}).values())


def set_pages(pages: Pages) -> None:
    """For the launcher, which knows more than Datasette does."""
    _pages[pages.datasette] = {"": pages}


async def databases_of(datasette: Datasette) -> list[Database]:
    """Those that are procy's."""
    return [one for one in datasette.databases.values() if one.path and await one.table_exists(MARK_TABLE)]


async def open_pages(datasette: Datasette) -> list[Pages]:
    """The pages of every database that is procy's, those of the first at the front; made where they are not there yet."""
    first = pages_of(datasette)
    found = _pages[datasette]
    for database in (await databases_of(datasette))[1:]:
        found.setdefault(database.name, first.for_database(database))
    return all_pages(datasette)


def neighbours(pages: Pages) -> list[tuple[str, str, bool]]:
    """(name, root, whether it is shown) of every database; [] where there is one only."""
    found = [(one.name, one.root, one is pages) for one in all_pages(pages.datasette)]
    return found if len(found) > 1 else []


def set_pragmas(connection: sqlite3.Connection) -> None:
    """What Datasette's own connections lack: patience with the sidecar, and constraints."""
    connection.execute("PRAGMA busy_timeout = 15000")
    connection.execute("PRAGMA foreign_keys = ON")


def place_of(path: str) -> tuple[str, str]:
    """A path as our routes know it, and the name of the database that it means, "" for the first."""
    match = BESIDE.fullmatch(path)
    return (match[1] + match[3], tilde_decode(match[2])) if match else (path, "")
