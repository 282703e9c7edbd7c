"""Paths of model APIs: their wire, and their address at an upstream whose base URL may carry a version or not."""

from __future__ import annotations

import re

VERSION = re.compile(r"(?:/(v\d+[a-z0-9]*))+(?=/|$)")
IN_BASE = re.compile(r"/v\d+[a-z0-9]*(?=/|$)")
WIRES = {  # by the beginning of the path
    "/messages": "anthropic-messages",
    "/responses": "openai-responses",
    "/chat/completions": "openai-chat",
}
GEMINI = re.compile(r"/(?:[a-z]+/.*)?(?:models|tunedModels)/[^/]+:(?:streamG|g)enerateContent$|/models/[^/]+:countTokens$")


def split_version(path: str) -> tuple[str, str]:
    """The version in front of a path, and the rest. Clients whose base URL has one already may say it twice."""
    found = VERSION.match(path)
    return (found[1], path[found.end() :] or "/") if found else ("", path)


def split_upstream(path: str) -> tuple[str, str]:
    """The upstream that ``/u/NAME/…`` asks for, "" for none, and the rest."""
    if not path.startswith("/u/"):
        return "", path
    name, _, rest = path[3:].partition("/")
    return name, f"/{rest}"


def wire_of(path: str) -> str:
    """Of a path without a version; "" where no wire has it."""
    for start, wire in WIRES.items():
        if path == start or path.startswith(f"{start}/"):
            return wire
    return "gemini" if GEMINI.match(path) else ""


def url_of(base: str, version: str, path: str, query: str, wire: str) -> str:
    """The address at an upstream. A base URL with a version of its own keeps it; else the call's counts."""
    base = base.rstrip("/")
    if not IN_BASE.search(base.partition("://")[2]):
        version = version or ("v1beta" if wire == "gemini" else "v1" if wire else "")
        base = f"{base}/{version}" if version else base
    return f"{base}{path if path != '/' else ''}" + (f"?{query}" if query else "")
