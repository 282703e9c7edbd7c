"""The live connection that all tabs of a browser share."""

from __future__ import annotations

from typing import Any

from datasette import Request, Response, hookimpl

from procy.ui import channel, guard
from procy.ui.pages import Pages


@guard.stream
async def live(pages: Pages, request: Request) -> Any:
    """Without a wish it says only whether one is signed in."""
    if request.method == "HEAD" or "want" not in request.args:
        return Response.text("signed in\n", headers={"Cache-Control": "no-store"})
    return await channel.channel(pages, request)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"/-/procy/live$", live)]
