"""``procy show``: a session or a turn, as text."""

from __future__ import annotations

import sqlite3

import click

from procy.cli.common import (
    as_dicts,
    db_option,
    json_option,
    one_line,
    print_json,
    printable,
    reader,
    session_argument,
    state_text,
)
from procy.errors import HandleError
from procy.store import changes, read
from procy.store.turn_sources import links_of
from procy.ui import words

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
ORIGIN_COLOURS = {"human": "green", "procy": "magenta"}


@click.command("show", context_settings={"ignore_unknown_options": True})
@session_argument("handle")
@click.option("-n", "--limit", default=20, show_default=True, help="Turns of a session, newest.")
@click.option("--full", is_flag=True, help="Whole answers, tool inputs and results.")
@click.option("--diff", is_flag=True, help="What changed in each file.")
@json_option
@db_option
def show_command(handle: str, limit: int, full: bool, diff: bool, as_json: bool, db: str | None) -> None:
    """Show a session or one turn.

    A session is named as last, -2 (the one before), %3 (a pane), its name or its id; a turn as last:3 or %3:-1.
    """
    with reader(db) as connection:
        session, turns = find(connection, handle, limit)
        calls = read.tool_calls(connection, [turn["id"] for turn in turns])
        files = read.turn_files(connection, [turn["id"] for turn in turns])
        keys = [turn["id"] for turn in turns]
        sources = links_of(connection, keys) if as_json else {}
        notes = {key: changes.notes(connection, key) for key in keys}
    if as_json:
        rows = [
            {
                **turn,
                "tool_calls": as_dicts(calls[turn["id"]]),
                "files": as_dicts(files[turn["id"]]),
                "notes": notes[turn["id"]],
                "sources": sources[turn["id"]],
            }
            for turn in as_dicts(turns)
        ]
        print_json({"session": as_dicts([session])[0], "turns": rows} if session else rows[0])
        return
    if session:
        print_session(session, len(turns))
    for turn in turns:
        print_turn(turn, calls[turn["id"]], full or session is None)
        print_files(files[turn["id"]], notes[turn["id"]], diff)
        if turn["error"]:
            click.echo(click.style(f"  {printable(turn['error'])}", fg="red"))


def find(connection: sqlite3.Connection, handle: str, limit: int) -> tuple[sqlite3.Row | None, list[sqlite3.Row]]:
    """A session and its newest turns, or one turn, which an id may name as well."""
    if ":" in handle:
        return None, [read.find_turn(connection, handle)]
    try:
        session = read.find_session(connection, handle)
    except HandleError as error:
        try:
            return None, [read.find_turn(connection, handle)]
        except HandleError:
            raise error from None
    return session, read.list_turns(connection, session["id"], before=1 << 62, limit=limit)


def print_session(session: sqlite3.Row, shown: int) -> None:
    status = state_text(session["state"], session["state_reason"]) if session["status"] == "recording" else session["status"]
    facts = [session["agent"], session["pane_id"], session["cwd"], session["branch"], f"{session['turns']} turns", status]
    click.echo(click.style(f"{read.short(session['id'])}  ", bold=True) + "  ".join(str(fact) for fact in facts if fact))
    if session["turns"] > shown:
        click.echo(click.style(f"… {session['turns'] - shown} earlier turns; see them with -n", dim=True))


def print_turn(turn: sqlite3.Row, calls: list[sqlite3.Row], full: bool) -> None:
    colour = ORIGIN_COLOURS.get(turn["origin"], "cyan")
    counts = (("input_tokens", "in"), ("cache_read_tokens", "cached"), ("output_tokens", "out"))
    used = " ".join(f"{words.tokens(turn[column])} {word}" for column, word in counts if turn[column])
    status = "" if turn["status"] == "done" else f" [{turn['status']}]"
    heading = click.style(f"\n#{turn['seq']} {words.stamp(turn['started_at'])}{status}", fg=colour, bold=True)
    click.echo(heading + click.style(f"  {turn['model'] or ''} {used}".rstrip(), dim=True))
    click.echo(click.style(printable(turn["prompt"]) if full else shorten(turn["prompt"], 6), fg=colour))
    written = 0
    for call in calls:
        written = print_text(turn["response"], written, call["response_at"], full)
        print_call(call, full)
    print_text(turn["response"], written, len(turn["response"]), full)


def print_files(files: list[sqlite3.Row], notes: list[str], diff: bool) -> None:
    for file in files:
        click.echo(click.style(f"  {file['change']}: {one_line(file['path'], 200)}", dim=True))
        for line in printable(file["diff"] or "").splitlines() if diff else ():
            click.echo(click.style(line, fg=DIFF_COLOURS.get(line[:1])))
    for note in notes:
        click.echo(click.style(f"  {one_line(note, 400)}", dim=True))


def print_text(response: str, start: int, end: int, full: bool) -> int:
    """The part of an answer between two tool calls; returns ``end``."""
    part = response[start:end].strip("\n")
    if part:
        click.echo(printable(part) if full else shorten(part, 12))
    return end


def print_call(call: sqlite3.Row, full: bool) -> None:
    took = f" {call['duration_ms']} ms" if call["duration_ms"] is not None else ""
    mark = {"ok": "", "error": " failed", "denied": " denied", "unknown": " no result"}[call["status"]]
    what = click.style(f"  ▸ {call['name']} {one_line(words.brief(call['input']), 100)}", fg="blue")
    click.echo(what + click.style(f"{took}{mark}", dim=True))
    if full and call["result"]:
        click.echo(click.style("\n".join(f"    {line}" for line in printable(call["result"]).split("\n")), dim=True))


def shorten(text: str, lines: int) -> str:
    text = printable(text)
    parts = text.split("\n")
    return text if len(parts) <= lines else "\n".join([*parts[: lines - 1], f"… {len(parts) - lines + 1} more lines"])
