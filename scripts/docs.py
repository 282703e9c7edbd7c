"""Write what the documentation takes from the program, or say what differs: ``python -m scripts.docs [--check]``

``docs/cli.md`` comes from the commands' own help, ``docs/schema.md`` from a fresh database, ``docs/queries.md`` from
``procy/store/queries``, README's table of commands from the help, too. Beside that, whatever the documentation names has to be
there: see ``scripts.claims``.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator

import click

from procy.cli import cli
from procy.store.db import open_writer
from procy.store.queries import Query, all_queries
from scripts.claims import GROUP, ROOT, anchor_of, pages
from scripts.claims import complaints as complaints_of

TABLE_START, TABLE_END = "<!-- commands: written by make docs -->", "<!-- end of commands -->"
HIDDEN_TABLES = re.compile(r"sqlite_|_sqlite_migrations|.*_fts_")


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    wanted = {
        ROOT / "docs" / "cli.md": cli_page(),
        ROOT / "docs" / "schema.md": schema_page(),
        ROOT / "docs" / "queries.md": queries_page(),
        ROOT / "README.md": with_commands((ROOT / "README.md").read_text(encoding="utf-8")),
    }
    complaints = [complaint for page in pages() for complaint in complaints_of(page)]
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            complaints.append(f"{path.relative_to(ROOT)} does not agree with the program; run: make docs")
        else:
            path.write_text(text, encoding="utf-8")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


# -- commands ---------------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, click.Command]]:
    for name in cli.list_commands(GROUP):
        command = cli.get_command(GROUP, name)
        assert command is not None
        yield name, command


def cli_page() -> str:
    return "\n".join(["# Commands\n\nWritten by `make docs` from the commands' own help.\n", *map(block, contexts(GROUP))])


def contexts(context: click.Context) -> Iterator[click.Context]:
    """A command's and those of its subcommands."""
    yield context
    if isinstance(group := context.command, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from contexts(click.Context(command, parent=context, info_name=name))


def block(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```\n"


def with_commands(readme: str) -> str:
    """README with its table of commands as the program has them."""
    before, start, rest = readme.partition(TABLE_START)
    _, end, after = rest.partition(TABLE_END)
    if not start or not end:
        raise SystemExit(f"README.md lacks {TABLE_START} … {TABLE_END}")
    rows = [f"| `procy {name}` | {command.get_short_help_str(200)} |" for name, command in commands()]
    return "\n".join([f"{before}{start}", "| command | what it does |", "|---|---|", *rows, f"{end}{after}"])


# -- tables -----------------------------------------------------------------------------------------------------------


def schema_page() -> str:
    with tempfile.TemporaryDirectory() as folder:
        open_writer(f"{folder}/procy.db").close()
        connection = sqlite3.connect(f"{folder}/procy.db")
        tables = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY rowid")
        parts = [table(name, kind, sql) for name, kind, sql in tables if not HIDDEN_TABLES.fullmatch(name)]
        connection.close()
    about = "Written by `make docs` from a fresh database. Times are UTC, ISO-8601 with milliseconds, or ns since 1970 (`_ns`)."
    return "\n".join([f"# Tables\n\n{about}\n", *parts])


def table(name: str, kind: str, sql: str) -> str:
    about = leading_comments().get(name, "")
    heading = f"## {name}" if kind == "table" else f"## {name} (view)"
    return "\n".join(part for part in (f"{heading}\n", f"{about}\n" if about else "", f"```sql\n{sql}\n```\n") if part)


def leading_comments() -> dict[str, str]:
    """What the schema files say above each table."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "procy" / "store" / "schema").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"((?:^-- .*\n)+)CREATE (?:VIRTUAL )?TABLE (\w+)", text, re.MULTILINE):
            found[match[2]] = " ".join(line.removeprefix("-- ") for line in match[1].strip().split("\n"))
    return found


# -- queries ----------------------------------------------------------------------------------------------------------


def queries_page() -> str:
    about = (
        "Written by `make docs` from `procy/store/queries`. The pages have each as a stored query of Datasette's: Overview lists "
        "them under Questions. `procy.db` is plain SQLite, so they run anywhere else as well; an empty parameter is the empty "
        "string."
    )
    contents = "\n".join(f"- [{query.title}](#{anchor_of(query.title)})" for query in all_queries().values())
    return "\n".join([f"# Queries\n\n{about}\n\n{contents}\n", *map(query_part, all_queries().values())])


def query_part(query: Query) -> str:
    parameters = "\n".join(f"- `:{name}`: {what}" for name, what in query.parameters.items())
    parts = [f"## {query.title}\n", f"`{query.name}`. {query.about}\n", f"{parameters}\n" if parameters else ""]
    return "\n".join([part for part in parts if part] + [f"```sql\n{query.sql}\n```\n"])


if __name__ == "__main__":
    sys.exit(main())
