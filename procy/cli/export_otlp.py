"""``procy export otlp``: what is recorded, as OpenTelemetry spans, to a collector."""

from __future__ import annotations

import os
import time
from contextlib import closing

import click

from procy.cli.common import db_option, places_of, reader
from procy.cli.export_data import moment
from procy.store.read import find_session

MOST_SAID = 400  # characters of one message of a collector


@click.command("otlp")
@click.option("--follow", is_flag=True, help="Go on with what is new, until interrupted.")
@click.option(
    "--endpoint", default="", metavar="URL", help="The collector (default: OTEL_EXPORTER_OTLP_ENDPOINT, else port 4318 here)."
)
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with every request; repeatable.")
@click.option("--protocol", type=click.Choice(["http/protobuf", "http/json"]), help="How spans are written (default: protobuf).")
@click.option("--since", default="", metavar="DATE", help="Only what began since then (2026-11-20, 2026-11-20T08:00).")
@click.option("--session", "sessions", multiple=True, metavar="SESSION", help="Only this session and its sub-agents; repeatable.")
@click.option("--content", is_flag=True, help="Prompts, answers, tool inputs and results too, without keys and tokens.")
@db_option
def otlp_command(  # noqa: PLR0913
    follow: bool, endpoint: str, headers: tuple[str, ...], protocol: str | None, since: str, sessions: tuple[str, ...],
    content: bool, db: str | None,
) -> None:  # fmt: skip
    """Send sessions, turns, tool calls and exchanges as spans to an OpenTelemetry collector, by OTLP over HTTP.

    Names follow the GenAI conventions. The same row has the same trace and span id on every export. --follow sends each row
    once it is finished, remembers for each endpoint what has arrived, and waits for a collector that is down. Of what was
    asked and answered nothing is sent without --content. OTEL_EXPORTER_OTLP_* and OTEL_RESOURCE_ATTRIBUTES are heeded.
    """
    from procy.otlp.due import Due, Wanted
    from procy.otlp.export import EVERY_S, send_due, words_of
    from procy.otlp.export import follow as follow_rows
    from procy.otlp.memory import Memory
    from procy.otlp.notes import Notes
    from procy.otlp.post import Post
    from procy.otlp.target import target_of

    target = target_of(os.environ, endpoint, headers, protocol or "")
    with closing(reader(db)) as connection:
        keys = tuple(find_session(connection, handle)["id"] for handle in sessions)
        wanted = Wanted(since=moment(since), sessions=keys, new=follow, content=content)
        with closing(Memory(places_of(db), target.endpoint)) as memory:
            due = Due(connection, memory, wanted)
            with closing(Post(target, say, time.sleep, patient=follow)) as post:
                notes = Notes(connection, places_of(db).db, target.endpoint) if content else None
                if follow:
                    follow_rows(connection, due, memory, post, lambda: time.sleep(EVERY_S), notes)
                counts = send_due(due, memory, post, notes)
        refused = f"; {post.refused} were refused" if post.refused else ""
        say(f"sent {words_of(counts)} to {target.endpoint}{refused}")


def say(text: str) -> None:
    click.echo(f"procy: {text[:MOST_SAID]}", err=True)
