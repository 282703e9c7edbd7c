"""What Claude Code tells its status line: one JSON object. Seen in version 2.1.329.

``session_id``, ``transcript_path``, ``model``, ``cost`` (``total_cost_usd`` of the whole session), ``context_window``
(``remaining_percentage``: whole percent, null before the first answer), ``version`` and more.
"""

import json
from typing import NamedTuple

from procy.parse.transcripts.shapes import as_amount, as_dict, as_text


class Status(NamedTuple):
    """Of one conversation: percent of the context window that is left, and US dollars; None where it is not told."""

    agent_session_id: str
    context_left: int | None
    cost_usd: float | None


def read_status(text: str) -> Status | None:
    """None for what is no such object."""
    try:
        fields = as_dict(json.loads(text))
    except ValueError:
        return None
    key = as_text(fields.get("session_id"))
    left = as_amount(as_dict(fields.get("context_window")).get("remaining_percentage"))
    cost = as_amount(as_dict(fields.get("cost")).get("total_cost_usd"))
    return Status(key, None if left is None else round(min(left, 100)), cost) if key else None
