"""What lists of sessions and of turns are narrowed to; one set of conditions for commands and pages."""

from __future__ import annotations

from typing import Any, NamedTuple

NEWEST_HITS = 20_000  # turns that a filter by text looks at


class Wanted(NamedTuple):
    """``cwd``: a directory or one above it. ``repo``: its path or the last part of it. ``text``: as one types it into a search
    box; in prompts, answers and tool inputs, or in a session's name. ``since``, ``until``: database times. ``file``: touched;
    a path or the end of one. ``agent``: its name or the beginning up to a dash."""

    agent: str | None = None
    cwd: str | None = None
    tag: str | None = None
    text: str | None = None
    since: str | None = None
    until: str | None = None
    repo: str | None = None
    branch: str | None = None
    file: str | None = None


EVERY = Wanted()
TOUCHED = "path = :file OR substr(path, -length(:file) - 1) = '/' || :file"
PLACE = {  # of a session, whether sessions or turns are asked for
    "agent": "agent = :agent OR substr(agent, 1, length(:agent) + 1) = :agent || '-'",
    "cwd": "cwd = :cwd OR cwd >= :cwd || '/' AND cwd < :cwd || '0'",  # "0" comes after "/"
    "repo": "repo = :repo OR substr(repo, -length(:repo) - 1) = '/' || :repo",
    "branch": "branch = :branch",
}
OF_SESSIONS = {
    **PLACE,
    "tag": "id IN (SELECT session_id FROM tags WHERE tag = :tag)",
    "since": "coalesce(ended_at, '9') >= :since",
    "until": "started_at < :until",
    "file": f"id IN (SELECT turns.session_id FROM turn_files JOIN turns ON turns.id = turn_id WHERE {TOUCHED})",
    "text": "instr(lower(coalesce(name, '')), lower(:text)) OR id IN (SELECT session_id FROM turns WHERE n IN "
    f"(SELECT rowid FROM turns_fts WHERE turns_fts MATCH :match ORDER BY rowid DESC LIMIT {NEWEST_HITS}))",
}
OF_TURNS = {
    "tag": "turns.id IN (SELECT target_id FROM tags WHERE tag = :tag AND what = 'turn') "
    "OR turns.session_id IN (SELECT target_id FROM tags WHERE tag = :tag AND what = 'session')",
    "since": "turns.started_at >= :since",
    "until": "turns.started_at < :until",
    "file": f"turns.id IN (SELECT turn_id FROM turn_files WHERE {TOUCHED})",
}


def session_conditions(wanted: Wanted) -> list[str]:
    """About a row of ``sessions``. ``text`` needs a parameter ``match`` beside it."""
    return [f"({OF_SESSIONS[name]})" for name, value in wanted._asdict().items() if value]


def turn_conditions(wanted: Wanted) -> list[str]:
    """About a row of ``turns``; ``text`` is not among them."""
    given = [name for name, value in wanted._asdict().items() if value]
    places = " AND ".join(f"({PLACE[name]})" for name in given if name in PLACE)
    within = [f"turns.session_id IN (SELECT id FROM sessions WHERE {places})"] if places else []
    return within + [f"({OF_TURNS[name]})" for name in given if name in OF_TURNS]


def values_of(wanted: Wanted) -> dict[str, Any]:
    """The parameters of the conditions."""
    return {name: value for name, value in wanted._asdict().items() if value}
