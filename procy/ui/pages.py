"""What all pages of one Datasette share: the database, templates, assets, and who listens for news."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from datasette import Response
from datasette.app import Datasette
from datasette.database import Database
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from procy.errors import StoreError
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


class Pages:
    """One per Datasette. ``server`` is None where plain ``datasette`` runs our plugins."""

    def __init__(self, datasette: Datasette, places: Places | None = None, server: Server | None = None) -> None:
        self.datasette = datasette
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
        """The first of Datasette's databases that is procy's. Raises StoreError when none is."""
        if self._database is None:
            for database in self.datasette.databases.values():
                if database.path and await database.table_exists(MARK_TABLE):
                    self._database = database
                    break
            else:
                raise StoreError("none of these databases is procy's", "Start with: procy ui, or datasette PROCY_HOME/procy.db")
        return self._database

    @property
    def places(self) -> Places:
        """Where the database and what belongs to it are."""
        return self.given_places or find_places(self._database.path if self._database else None)

    @property
    def spool(self) -> str:
        return self.places.spool

    # -- HTML -----------------------------------------------------------------------------------------------------

    @property
    def root(self) -> str:
        """The path that all our addresses begin with."""
        return str(self.datasette.urls.path("/-/procy"))

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
        return Markup(
            self.environment.get_template(template).render(root=self.root, home=self.datasette.urls.instance(), **context)
        )

    def html(self, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        return Response.html(self.render(template, context), status=status, headers={"Content-Security-Policy": POLICY})

    def message(self, status: int, title: str, text: str) -> Response:
        """A page that says what is wrong and what to do."""
        return self.html("message.html", {"title": title, "text": text}, status)


def session_links(pages: Pages, session: sqlite3.Row) -> dict[str, Any]:
    """A session and the addresses of its two pages."""
    conversation = f"{pages.root}/s/{session['id']}"
    return {"session": session, "conversation": conversation, "terminal": f"{conversation}/terminal"}


_pages: WeakKeyDictionary[Datasette, Pages] = WeakKeyDictionary()


def pages_of(datasette: Datasette) -> Pages:
    if datasette not in _pages:
        _pages[datasette] = Pages(datasette)
    return _pages[datasette]


def set_pages(pages: Pages) -> None:
    """For the launcher, which knows more than Datasette does."""
    _pages[pages.datasette] = pages


def set_pragmas(connection: sqlite3.Connection) -> None:
    """What Datasette's own connections lack: patience with the sidecar, and constraints."""
    connection.execute("PRAGMA busy_timeout = 15000")
    connection.execute("PRAGMA foreign_keys = ON")
