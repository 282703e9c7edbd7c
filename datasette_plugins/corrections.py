"""Corrections: prompts and what they should have been; listed, kept, deleted, restored and exported."""

from __future__ import annotations

import getpass
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from datasette import Request, Response, hookimpl
from datasette.database import Database
from datasette.utils.asgi import AsgiStream, AsgiWriter

from procy.learn import correct as learn
from procy.learn.correct import Words
from procy.store import correction_pages, session_pages
from procy.store.correction_pages import STATES, Filter
from procy.store.corrections import Prompt
from procy.store.write import written
from procy.ui import corrections, guard, live
from procy.ui.corrections import PAGE, CorrectionsTopic
from procy.ui.pages import Pages

AT_ONCE = 200  # rows of an export that are read at a time
Find = Callable[[sqlite3.Connection, str], Prompt]


@guard.page
def listed(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    revision = correction_pages.revision(connection)
    given = {name: request.args.get(name) or "" for name in ("state", "author", "session", "q")}
    wanted = corrections.filter_of(connection, given)
    before = corrections.place_in_list(request.args.get("before") or "")
    rows = correction_pages.page(connection, wanted, before, PAGE + 1)
    older = f"{rows[PAGE - 1]['created_at']}~{rows[PAGE - 1]['id']}" if len(rows) > PAGE else ""
    states = [(state.capitalize() or "All", state, corrections.query_of(replace(wanted, state=state))) for state in ("", *STATES)]
    context = {
        "rows": [pages.render("correction.html", {"one": corrections.view(row)}) for row in rows[:PAGE]], "revision": revision,
        "older": corrections.query_of(wanted, before=older) if older else None, "wanted": wanted, "states": states,
        "authors": correction_pages.authors(connection), "export": corrections.query_of(wanted),
        "session": session_pages.page_session(connection, wanted.session) if wanted.session else None,
        "live": not before and wanted == Filter(), "filtered": wanted != Filter(),
    }  # fmt: skip
    return pages.html("corrections.html", context)


def history(find: Find, name: str) -> Any:
    """What was made of one prompt: a page, a part of one, or what an editor begins with."""

    @guard.page
    def shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
        prompt = find(connection, guard.variable(request, name))
        if request.args.get("draft"):
            return Response.json(corrections.draft_of(connection, prompt), headers={"Cache-Control": "no-store"})
        rows = correction_pages.of_prompt(connection, prompt.turn_id, prompt.try_id)
        context = {
            "kept": [corrections.view(row, whole=row["state"] == "standing") for row in rows], "prompt": prompt,
            "title": corrections.title_of(connection, prompt),
        }  # fmt: skip
        return pages.html("corrections_part.html" if request.args.get("part") else "corrections_page.html", context)

    return shown


# -- orders -------------------------------------------------------------------------------------------------------------


def correct(find: Find, name: str) -> Any:
    @guard.action
    def kept(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Keep ``chosen`` as what the prompt should have been, with a ``note``, over the correction ``over``."""
        words = Words(form.get("chosen", ""), form.get("note", ""))
        with written(pages.places.db) as connection:
            connection.row_factory = sqlite3.Row
            prompt = find(connection, guard.variable(request, name))
            return {"correction": learn.correct(connection, time.time_ns(), prompt, words, getpass.getuser(), form.get("over"))}

    return kept


@guard.action
def delete(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    with written(pages.places.db) as connection:
        learn.delete(connection, time.time_ns(), guard.variable(request, "correction"))
    return {"deleted": True}


@guard.action
def restore(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    with written(pages.places.db) as connection:
        learn.restore(connection, guard.variable(request, "correction"))
    return {"deleted": False}


# -- streams ------------------------------------------------------------------------------------------------------------


@guard.stream
async def events(pages: Pages, request: Request) -> Any:
    since = request.headers.get("last-event-id") or request.args.get("since") or ""
    return live.events(
        pages.hub, await pages.database(), lambda: CorrectionsTopic(pages), CorrectionsTopic.key, since, request.receive
    )


@guard.stream
async def export(pages: Pages, request: Request) -> Any:
    """What the list shows, as JSON Lines, written as it is read."""
    database = await pages.database()
    given = {name: request.args.get(name) or "" for name in ("state", "author", "session", "q")}
    wanted = await database.execute_fn(lambda connection: corrections.filter_of(connection, given))

    async def write(writer: AsgiWriter) -> None:
        async for lines in chunks(database, wanted):
            await writer.write(lines)

    headers = {"Content-Disposition": 'attachment; filename="procy-corrections.jsonl"', "Cache-Control": "no-store"}
    return AsgiStream(write, headers=headers, content_type="application/x-ndjson; charset=utf-8")


async def chunks(database: Database, wanted: Filter) -> AsyncIterator[str]:
    before: tuple[str, str] | None = None
    while True:
        lines, before = await database.execute_fn(lambda connection, place=before: chunk(connection, wanted, place))
        yield lines
        if before is None:
            return


def chunk(connection: sqlite3.Connection, wanted: Filter, before: tuple[str, str] | None) -> tuple[str, tuple[str, str] | None]:
    rows = correction_pages.page(connection, wanted, before, AT_ONCE)
    more = (rows[-1]["created_at"], rows[-1]["id"]) if len(rows) == AT_ONCE else None
    return "".join(map(corrections.exported, rows)), more


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    of_turn, of_try = (corrections.prompt_of_turn, "turn"), (corrections.prompt_of_try, "try")
    return [
        (r"/-/procy/corrections$", listed),
        (r"/-/procy/corrections\.jsonl$", export),
        (r"/-/procy/corrections/events$", events),
        (r"/-/procy/corrections/turn/(?P<turn>[^/]+)$", history(*of_turn)),
        (r"/-/procy/corrections/try/(?P<try>[^/]+)$", history(*of_try)),
        (r"/-/procy/do/correct/(?P<turn>[^/]+)$", correct(*of_turn)),
        (r"/-/procy/do/correct-try/(?P<try>[^/]+)$", correct(*of_try)),
        (r"/-/procy/do/delete-correction/(?P<correction>[^/]+)$", delete),
        (r"/-/procy/do/restore-correction/(?P<correction>[^/]+)$", restore),
    ]
