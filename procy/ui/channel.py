"""The one live connection of a browser: what all its tabs listen to, over a single stream.

A browser allows six connections to one server, all tabs together. So its tabs share one (``static/channel.js``), which
asks for ``/-/procy/live?want=NUMBER~ADDRESS~SINCE&want=…``: ADDRESS is the address of a stream of ours, SINCE the id of the
last event known of it. Each event comes as ``{"to": NUMBER, "name": …, "id": …, "data": …}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from datasette import Request
from datasette.plugins import pm
from datasette.utils.asgi import AsgiStream

from procy.errors import ProcyError
from procy.ui import live
from procy.ui.live import GONE, Event, Source, Stream
from procy.ui.pages import ROOT, Pages

MOST = 300  # streams over one connection
Routes = list[tuple[str, Callable[[Pages, Request], Awaitable[Any]]]]


async def channel(pages: Pages, request: Request) -> AsgiStream:
    """The response with the events of all that is wanted."""
    sources: dict[str, Source] = {}
    unknown: list[str] = []
    routes = list(streams(pages))
    for number, address, since in wanted(request.args.getlist("want")):
        source = await source_of(pages, routes, address, since)
        if source:
            sources[number] = source
        else:
            unknown.append(number)
    told = live.writing(pages.hub, await pages.database(), sources, request.receive, tagged)

    async def write(writer: Any) -> None:
        for number in unknown:
            await writer.write(tagged(number, GONE))
        await told(writer)

    return AsgiStream(write, headers=live.HEADERS, content_type=live.CONTENT_TYPE)


def wanted(given: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(number, address, since) of each; what cannot be understood is left out."""
    for text in list(given)[:MOST]:
        if match := re.fullmatch(r"(\d{1,9})~(/[!-}]*)~([!-}]*)", text):
            yield match[1], match[2], match[3]


def tagged(number: str, event: Event) -> str:
    head = json.dumps({"to": int(number), "name": event.name, "id": event.id})
    return f'data: {head[:-1]}, "data": {event.data}}}\n\n'


def streams(pages: Pages) -> Iterator[tuple[str, Callable[[Pages, Request], Awaitable[Any]]]]:
    """The routes of our streams, of every page there is."""
    for routes in pm.hook.register_routes(datasette=pages.datasette):
        for pattern, view in routes:
            if stream := getattr(view, "stream_view", None):
                yield pattern, stream


async def source_of(pages: Pages, routes: Routes, address: str, since: str) -> Source | None:
    """What the stream at an address of ours tells; None where there is no such stream."""
    path, _, query = address.partition("?")
    if not path.startswith(f"{pages.root}/"):
        return None
    path = ROOT + path.removeprefix(pages.root)
    for pattern, view in routes:
        if match := re.match(pattern, path):
            asked = Request.fake(f"{path}?{query}&{urlencode({'since': since})}", url_vars=match.groupdict())
            try:
                stream = await view(pages, asked)
            except ProcyError:
                return None
            return stream.source if isinstance(stream, Stream) else None
    return None
