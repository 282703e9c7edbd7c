"""Which columns hold text of somebody's, and how the rows of a session are found: what ``procy redact`` goes through."""

from __future__ import annotations

from typing import NamedTuple

OF_SESSION = "session_id = :id"
OF_TURN = "turn_id IN (SELECT id FROM turns WHERE session_id = :id)"
TRIES = (
    "SELECT tries.id FROM tries LEFT JOIN runs ON runs.id = run_id WHERE tries.session_id = :id OR runs.session_id = :id "
    "OR tries.turn_id IN (SELECT id FROM turns WHERE session_id = :id)"
)


class Texts(NamedTuple):
    """``where`` holds ``:id``, of a session, or ``:since``, a time. ``is_raw``: its rows are replaced, not updated."""

    table: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    where: str
    is_raw: bool = False


SESSION = (
    Texts("sessions", ("id",), ("name", "command", "cwd", "repo", "branch", "state_reason"), "id = :id"),
    Texts("turns", ("id",), ("prompt", "response", "reasoning", "error"), OF_SESSION),
    Texts("tool_calls", ("id",), ("name", "input", "result"), OF_TURN),
    Texts("turn_files", ("turn_id", "path"), ("path", "diff"), OF_TURN),
    Texts("git_files", ("turn_id", "path"), ("path", "diff"), OF_TURN),
    Texts("turn_snapshots", ("turn_id", "moment"), ("left_out", "reason"), OF_SESSION),
    Texts("injections", ("id",), ("text",), OF_SESSION),
    Texts("corrections", ("id",), ("rejected", "chosen", "note"), f"{OF_TURN} OR try_id IN ({TRIES})"),
    Texts("tags", ("what", "target_id", "tag"), ("tag",), OF_SESSION),
    Texts("exports", ("id",), ("path",), OF_SESSION),
    Texts("runs", ("id",), ("goal", "options", "reason"), OF_SESSION),
    Texts("tries", ("id",), ("prompt", "proposed", "response", "reason", "notes", "metrics"), f"id IN ({TRIES})"),
    Texts(
        "evaluations", ("id",), ("reason", "feedback", "artifacts", "instances", "metrics", "output"),
        f"{OF_TURN} OR try_id IN ({TRIES}) OR for_try_id IN ({TRIES})",
    ),
    Texts("exchanges", ("id",), ("path", "client", "error", "attempts", "changes", "usage"), OF_SESSION),
    Texts("pane_events", ("id",), ("detail",), OF_SESSION, True),
    Texts("hook_events", ("id",), ("payload",), OF_SESSION, True),
    Texts(
        "transcript_lines", ("transcript_id", "offset"), ("line",),
        "transcript_id IN (SELECT transcript_id FROM transcript_sessions WHERE session_id = :id)", True,
    ),
)  # fmt: skip

ELSEWHERE = (  # of no session
    Texts("exchanges", ("id",), ("path", "client", "error", "attempts", "changes", "usage"),
          "session_id IS NULL AND started_at >= :since"),
    Texts("runs", ("id",), ("goal", "options", "reason"), "session_id IS NULL AND started_at >= :since"),
    Texts("tries", ("id",), ("prompt", "proposed", "response", "reason", "notes", "metrics"), "started_at >= :since"),
    Texts("evaluations", ("id",), ("reason", "feedback", "artifacts", "instances", "metrics", "output"), "started_at >= :since"),
    Texts("datasets", ("id",), ("path", "manifest"), "created_at >= :since"),
    Texts("trainings", ("id",), ("progress", "error"), "started_at >= :since"),
    Texts("training_steps", ("training_id", "seq"), ("line",), "at >= :since"),
    Texts("servings", ("id",), ("reason", "canary"), "started_at >= :since"),
    Texts("comparisons", ("id",), ("result",), "created_at >= :since"),
    Texts("filters", ("name",), ("query",), "created_at >= :since"),
)  # fmt: skip

LEFT = (  # paths and arguments by which procy itself finds something again, and what is pinned by its hash; ids and times
    "evaluators", "adapters", "transcripts", "session_places", "forgotten", "marks", "spool_cursors",
    "turn_sources",
)  # fmt: skip
