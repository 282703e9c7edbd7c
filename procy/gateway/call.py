"""One call of a client, as it arrived."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, in the order in which they came; a name may stand there more than once."""


@dataclass(frozen=True)
class Call:
    """``path`` is without the token and without the version in front: ``/messages``, ``/chat/completions``.

    ``headers`` are without the gateway's own token, and without those that belong to a single connection. ``wire`` is "" for a
    path that no wire knows. ``session_id``: of the pane whose token it bears, or "".
    """

    id: str
    service: str  # claude, codex or openai
    wire: str
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    started_ns: int
    session_id: str = ""
    upstream: str = ""  # the only one that may answer, where the client names one: /u/NAME/…
    version: str = ""  # that stood in front of the path: v1, v1beta

    @cached_property
    def json(self) -> dict[str, Any] | None:
        """The body's JSON object; None where it is none. Read once, and only when it is asked for."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def __getstate__(self) -> dict[str, Any]:
        """For another process: the body goes there once."""
        return {name: value for name, value in self.__dict__.items() if name != "json"}

    @property
    def model(self) -> str | None:
        """The model that is asked for, by the body or (gemini) by the path."""
        if self.wire == "gemini":
            return self.path.rpartition("/models/")[2].partition(":")[0] or None
        found = (self.json or {}).get("model")
        return found if isinstance(found, str) else None
