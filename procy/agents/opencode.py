"""OpenCode. All conversations are in one SQLite database, where nothing says which program writes which."""

import json
import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy.agents.commands import is_program, program_place, take_option
from procy.errors import AgentError
from procy.hookspecs import hookimpl
from procy.readonly import rows_of
from procy.types import Endpoint, Evidence, Launch, Process, Profile, TranscriptFile

PROGRAM = (("opencode",), ("opencode-ai",))  # names, npm package
NOT_INTERACTIVE = (
    "run", "serve", "web", "acp", "mcp", "completion", "debug", "providers", "auth", "agent", "upgrade", "uninstall", "models",
    "stats", "export", "import", "github", "pr", "session", "plugin", "plug", "db",
)  # fmt: skip
SESSION_OPTIONS = ("--session", "-s")
MODEL_OPTIONS = ("--model", "-m")
GOING_ON = ("--continue", "-c", "--fork")
INLINE = "OPENCODE_CONFIG_CONTENT"
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
SLACK_MS = 2_000
PROOFS, PROOF_LENGTH, LEAST_PROOF = 3, 40, 4
DRAWN_FREELY = ("Mn", "Me", "Cf", "So", "Sk")  # categories: marks, joiners, emoji and what changes them
FORKED = re.compile(r"\(fork #\d+\)$")
COLUMNS = "id, parent_id, title, directory, time_created, time_updated"
SESSIONS = f"SELECT {COLUMNS} FROM session ORDER BY time_created, id"
WRITTEN = f"SELECT {COLUMNS} FROM session WHERE parent_id IS NULL AND time_updated >= ? ORDER BY time_updated, id"
ONE = f"SELECT {COLUMNS} FROM session WHERE id = ?"
CHILDREN = f"SELECT {COLUMNS} FROM session WHERE parent_id = ? ORDER BY time_created, id"
HAS_EVENTS = "SELECT 1 FROM event WHERE aggregate_id = ? LIMIT 1"
FIRST_ASKED = "SELECT min(json_extract(data, '$.time.created')) FROM message WHERE session_id = ?"
SAME_BEGINNING = (
    "SELECT session_id FROM message JOIN session ON session.id = session_id WHERE json_extract(data, '$.time.created') = ? "
    "AND json_extract(data, '$.role') = 'user' AND session_id != ? ORDER BY session.time_created LIMIT 1"
)
LAST_PROMPTS = (
    "SELECT json_extract(part.data, '$.text') FROM part JOIN message ON message.id = message_id "
    "WHERE part.session_id = ? AND json_extract(message.data, '$.role') = 'user' AND json_extract(part.data, '$.type') = 'text' "
    "ORDER BY message.id DESC LIMIT ?"
)


class OpenCode:
    """See ``procy.types.Profile``."""

    name = "opencode"
    title = "OpenCode"
    transcript = "opencode"
    composer: tuple[str, ...] = ("┃",)
    program = "opencode"
    marks: Mapping[str, Sequence[str]] = {"questions": ("Permission required",)}  # its events call that work

    def owns(self, argv: Sequence[str]) -> bool:
        return is_program(argv, *PROGRAM)

    def interactive(self, argv: Sequence[str]) -> bool:
        _, words = split_program(argv)
        return not words or words[0] not in NOT_INTERACTIVE

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        """As it is: a plugin would have it install packages into the user's folder before it starts (1.18.33)."""
        return Launch(argv=tuple(argv))

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        """Every provider that the user has keeps its name and its key; only the address is another."""
        given = inline_configuration(os.environ)
        settings = merged(users_settings(Path.cwd(), os.environ), given)
        providers = {name: {"options": {"baseURL": address(name, settings, endpoint)}} for name in provider_names(settings)}
        ours = merged(given, {"provider": providers})
        return Launch(argv=tuple(argv), environment=((INLINE, json.dumps(ours)),))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        front, words = split_program(argv)
        for option in SESSION_OPTIONS:
            words, _ = take_option(words, option)
        return (*front, *(word for word in words if word not in GOING_ON), "--session", agent_session_id)

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        return (*self.resume(argv, agent_session_id), "--fork")

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """With a database in memory and no tool allowed (1.18.33)."""
        front, words = split_program(argv)
        kept = [word for option in MODEL_OPTIONS for value in take_option(words, option)[1] for word in ("--model", value)]
        alone = (("OPENCODE_DB", ":memory:"), ("OPENCODE_PERMISSION", '{"*":"deny"}'))
        return Launch(argv=(*front, "run", *kept), environment=alone)

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        """What it was told to go on with, and what was written in its directory since it started: where that shows one of the
        prompts on its screen, for others may write there too."""
        database = database_of(process.environment)
        named = named_session(process.argv)
        if named:
            yield from conversation(database, named)
        since_ms = process.started_ns // 1_000_000 - SLACK_MS
        for row in rows_of(database, WRITTEN, since_ms):
            if row["id"] != named and os.path.realpath(row["directory"]) == os.path.realpath(process.cwd):
                proof = proofs(database, row["id"])
                yield from (replace(file, proof=proof) for file in conversation(database, row["id"]))

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        """Every conversation that the agent has kept: in its own folder, or in or below ``place``; oldest first, sub-agents'
        with ``parent``."""
        for database in [Path(database_of(environment))] if place is None else databases_in(place):
            for row in rows_of(str(database), SESSIONS):
                if rows_of(str(database), HAS_EVENTS, row["id"]):
                    yield transcript(str(database), row)

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        return None

    def live(self, process: Process) -> Evidence | None:
        return None


def database_of(environment: Mapping[str, str]) -> str:
    """Where this OpenCode keeps its conversations."""
    data = environment.get("XDG_DATA_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "share"
    folder = Path(data) / "opencode"
    return str(folder / (environment.get("OPENCODE_DB") or "opencode.db"))


def databases_in(place: Path) -> list[Path]:
    """A database, or those in or below a folder."""
    return [place] if place.is_file() else sorted(place.rglob("opencode*.db"))


def conversation(database: str, session: str) -> Iterator[TranscriptFile]:
    """A conversation, and those of its sub-agents."""
    for row in rows_of(database, ONE, session):
        yield transcript(database, row)
    waiting = [session]
    while waiting:
        for row in rows_of(database, CHILDREN, waiting.pop()):
            waiting.append(row["id"])
            yield transcript(database, row)


def named_session(argv: Sequence[str]) -> str:
    """The session that a command line goes on with; "" where it makes a copy, or names none."""
    _, words = split_program(argv)
    named = [value for option in SESSION_OPTIONS for value in take_option(words, option)[1]]
    return named[-1] if named and "--fork" not in words else ""


def transcript(database: str, row: sqlite3.Row) -> TranscriptFile:
    """The session as what its row says it is; a copy is known by its title and by the time of its first prompt."""
    forked_from = ""
    if FORKED.search(row["title"]):
        first = rows_of(database, FIRST_ASKED, row["id"])
        found = rows_of(database, SAME_BEGINNING, first[0][0], row["id"]) if first else []
        forked_from = str(found[0][0]) if found else ""
    return TranscriptFile(f"{database}#{row['id']}", row["id"], parent=row["parent_id"] or "", forked_from=forked_from)


def proofs(database: str, session: str) -> tuple[str, ...]:
    """How the last prompts begin where the TUI shows them."""
    rows = rows_of(database, LAST_PROMPTS, session, PROOFS)
    first = [drawn_alike(str(row[0] or "").strip().split("\n")[0][:PROOF_LENGTH].rstrip()) for row in rows]
    return tuple(f"┃  {line}" for line in first if line) or ("\0",)


def drawn_alike(line: str) -> str:
    """As much of its beginning as every terminal draws alike: emoji of several characters and marks are drawn as each likes."""
    end = next((place for place, one in enumerate(line) if unicodedata.category(one) in DRAWN_FREELY), len(line))
    return line[:end].rstrip() if end >= LEAST_PROOF else line


def inline_configuration(environment: Mapping[str, str]) -> dict[str, Any]:
    """The user's own inline configuration. Raises AgentError."""
    given = environment.get(INLINE) or "{}"
    try:
        settings = json.loads(given)
    except ValueError as error:
        raise AgentError(f"${INLINE} cannot be read: {error}", "Give it valid JSON") from error
    if not isinstance(settings, dict):
        raise AgentError(f"${INLINE} is no JSON object", "Give it one")
    return settings


def users_settings(cwd: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the user's files say, the nearest last."""
    home = Path(environment.get("HOME") or Path.home())
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "opencode"
    named = environment.get("OPENCODE_CONFIG")
    folders = [config, *reversed([cwd, *cwd.parents])]
    files = [folder / name for folder in folders for name in ("opencode.json", "opencode.jsonc")]
    settings: dict[str, Any] = {}
    for file in [*files, *([Path(named)] if named else [])]:
        try:
            found = json.loads(COMMENT.sub(lambda match: match[1] or "", file.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # none, or OpenCode's to complain about
            continue
        settings = merged(settings, found) if isinstance(found, dict) else settings
    return settings


def provider_names(settings: Mapping[str, Any]) -> list[str]:
    """Those that the user configured, and those whose key is in the environment or was given at a login."""
    configured = settings.get("provider")
    names = list(configured) if isinstance(configured, dict) else []
    names += [name for name, variable in KEYS.items() if os.environ.get(variable)]
    with suppress(OSError, ValueError, TypeError):
        names += json.loads((Path(database_of(os.environ)).parent / "auth.json").read_bytes())
    return list(dict.fromkeys(names))


def address(name: str, settings: Mapping[str, Any], endpoint: Endpoint) -> str:
    """The gateway for a provider, by the library that it is spoken to with."""
    own = (settings.get("provider") or {}).get(name)
    package = str(own.get("npm") or "") if isinstance(own, dict) else ""
    is_claude = package == "@ai-sdk/anthropic" or (not package and name == "anthropic")
    return f"{endpoint.with_token(endpoint.claude if is_claude else endpoint.openai)}/v1"


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both, table by table; the second wins."""
    both = {**base, **more}
    tables = [key for key in more if isinstance(base.get(key), dict) and isinstance(more[key], dict)]
    return both | {key: merged(base[key], more[key]) for key in tables}


def split_program(argv: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that start the program, and its own."""
    behind = (program_place(argv, *PROGRAM) or 0) + 1
    return tuple(argv[:behind]), tuple(argv[behind:])


@hookimpl
def procy_profiles() -> list[Profile]:
    return [OpenCode()]
