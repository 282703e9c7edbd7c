"""What an order says: from the socket, or from a line of input with the key ``_CLAUDIX_``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from procy.parse.streams.members import without
from procy.parse.transcripts.shapes import as_amount, as_dict, as_text
from procy.stream.restart import Order

KEY = "_CLAUDIX_"
POLICIES, STARTS, THENS = ("when-idle", "interrupt", "now"), ("fresh", "resume", "fork"), ("give-up", "interrupt", "now")


class Aside(NamedTuple):
    """An order as it is understood; ``complaint`` where it is not."""

    what: str = ""
    order: Order | None = None
    line: bytes = b""
    complaint: str = ""


def alias_order(line: bytes, record: dict[str, Any]) -> Aside | None:
    """A line with the old key at its top is an order; the words of a message never are. The rest of the line is the message."""
    if KEY not in record:
        return None
    try:
        rest = without(line.removeprefix(b"\xef\xbb\xbf"), KEY)
    except ValueError as error:
        return Aside(complaint=f"a line with {KEY} was not understood: {error}")
    if record[KEY] != "RESTART":
        return Aside(complaint=f"{KEY} can only be RESTART; the line was dropped")
    message = rest.strip() + b"\n" if len(record) > 1 else b""
    return Aside("restart", Order(message=message))


def parse_order(words: dict[str, Any]) -> Aside:
    """``{"order": "restart", "policy": …, "start": …, "limit_s": …, "then": …, "message": {…}}``, and simpler ones."""
    what = as_text(words.get("order"))
    if what in ("status", "interrupt", "stop"):
        return Aside(what)
    if what == "send":
        line = message_line(words.get("message"))
        return Aside(what, line=line) if line else Aside(complaint="there is no message to send")
    if what != "restart":
        return Aside(complaint=f"there is no order {what!r}; there are: status, restart, interrupt, send, stop")
    policy, start, then = (as_text(words.get(name)) for name in ("policy", "start", "then"))
    for given, known in ((policy, POLICIES), (start, STARTS), (then, THENS)):
        if given and given not in known:
            return Aside(complaint=f"{given!r} is none of {', '.join(known)}")
    order = Order(
        id=as_text(words.get("id")) or str(id(words)),
        policy=policy or "when-idle",  # type: ignore[arg-type]
        start=start or "fresh",  # type: ignore[arg-type]
        limit_s=as_amount(words.get("limit_s")),
        then=then or "give-up",  # type: ignore[arg-type]
        message=message_line(words.get("message")),
        again=words.get("again") is not False,
    )
    return Aside("restart", order)


def message_line(message: Any) -> bytes:
    """A message as a line: an object as it is, a text as a message of the user."""
    if isinstance(message, str) and message:
        message = {"type": "user", "message": {"role": "user", "content": message}}
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n" if as_dict(message) else b""


def refusal(number: int, flags: Sequence[str]) -> bytes:
    """What the sender of a bad line is told, in its stream; marked as ours."""
    words = {"type": "system", "subtype": "refused", "origin": "procy", "line": number, "flags": list(flags)}
    return json.dumps(words).encode() + b"\n"
