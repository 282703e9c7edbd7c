"""``procy doctor``: is everything there, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from importlib import resources
from pathlib import Path

import click

from procy.capture.spool import Meta, Spool, spools
from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.doctor_bundle import write_bundle
from procy.cli.doctor_changes import check_changes
from procy.cli.doctor_gateway import check_gateway
from procy.cli.doctor_hosts import check_hosts
from procy.cli.doctor_repair import repair_database
from procy.cli.doctor_tmux import check_plugin, check_tmux
from procy.cli.finding import Finding
from procy.errors import ProcyError
from procy.parse.rules import problem
from procy.places import Places
from procy.settings import load_settings

MARKS = {"ok": click.style("✓", fg="green"), "note": click.style("–", fg="yellow"), "problem": click.style("✗", fg="red")}
LEAST_FREE = 200 << 20
MANY_HOOKS = 1000
MUCH_BEHIND = 8 << 20
REPAIR = "procy doctor --repair"
AGENTS = {"claude": "npm install -g @anthropic-ai/claude-code", "codex": "npm install -g @openai/codex"}


@click.command("doctor")
@click.option(
    "--bundle",
    is_flag=False,
    flag_value=f"procy-support-{date.today()}.tar.gz",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="[FILE]",
    help="Also write what was found, versions and logs, without secrets and contents, to an archive.",
)
@click.option(
    "--repair", is_flag=True, help="Make a damaged database whole: what can be read of it stays, and a copy of it as it was."
)
@json_option
@db_option
def doctor_command(bundle: Path | None, repair: bool, as_json: bool, db: str | None) -> int:
    """Check the installation, and say the fix for each finding.

    Looks at tmux, its plugin, the database, the disk, the recordings, the agents and their hooks, the gateway. Ends with 1
    when there is a problem.
    """
    places = places_of(db)
    if repair:
        repair_database(places)
    findings = [finding for check in CHECKS for finding in check(places)]
    if bundle:
        write_bundle(bundle, places, findings)
        click.echo(f"{bundle} is written; look through it before you send it", err=True)
    if as_json:
        print_json([{"level": one.level, "what": one.what, "remedy": one.remedy} for one in findings])
    else:
        for one in findings:
            click.echo(f"{MARKS[one.level]} {one.what}" + (f"\n    → {one.remedy}" if one.remedy else ""))
    return 1 if any(one.level == "problem" for one in findings) else 0


def check_settings(places: Places) -> Iterator[Finding]:
    try:
        settings = load_settings(places)
    except ProcyError as error:
        yield Finding("problem", error.what, error.remedy)
        return
    exists = os.path.exists(places.config)
    yield Finding("ok", f"settings: {places.config}" + ("" if exists else " (not there: defaults)"))
    if told := problem():
        yield Finding("problem", f"{told}: nothing is stored, it waits", f"Correct [redact] in {places.config}")
    elif settings.redact.rules:
        yield Finding("ok", f"redaction rules of your own: {len(settings.redact.rules)}")
    if not shutil.which(settings.agent.split()[0] if settings.agent.split() else ""):
        yield Finding("note", f"the configured agent {settings.agent!r} is not installed", f'Set agent = "…" in {places.config}')


def check_home(places: Places) -> Iterator[Finding]:
    if not os.path.isdir(places.home):
        yield Finding("note", f"data directory {places.home} is not there yet", "It is made by the first recording")
        return
    mode = os.stat(places.home).st_mode & 0o077
    if mode:
        yield Finding("problem", f"others may look into {places.home}", f"chmod 700 {places.home}")
    free = shutil.disk_usage(places.home).free
    if free < LEAST_FREE:
        yield Finding(
            "problem", f"{free >> 20} MB free under {places.home}", "Free space: what cannot be written is not recorded"
        )
    else:
        yield Finding("ok", f"data directory: {places.home}, {free >> 30} GB free")


def check_database(places: Places) -> Iterator[Finding]:
    if not os.path.exists(places.db):
        yield Finding("note", f"database {places.db} is not there yet", "It is made by the first recording")
        return
    from procy.store.db import explain, open_reader

    try:
        with open_reader(places.db, busy_s=2) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            sessions = connection.execute("SELECT count(*) FROM sessions").fetchone()[0]
            turns = connection.execute("SELECT count(*) FROM turns").fetchone()[0]
    except (ProcyError, sqlite3.Error) as error:
        remedy = error.remedy if isinstance(error, ProcyError) else explain(places.db, error).remedy
        yield Finding("problem", f"database {places.db}: {error}", remedy)
        return
    if verdict != "ok":
        yield Finding("problem", f"database {places.db} is damaged: {verdict}", f"Save what can be read of it: {REPAIR}")
    else:
        size = os.path.getsize(places.db) >> 20
        yield Finding("ok", f"database: {sessions} sessions, {turns} turns, {size} MB")


def check_recordings(places: Places) -> Iterator[Finding]:
    from procy.capture.locks import take_lock
    from procy.capture.progress import behind

    live, waiting = [], behind(places)
    for spool in spools(places.spool):
        try:
            meta = spool.meta()
        except (OSError, ValueError, TypeError):
            yield Finding("problem", f"{spool.path} holds no readable meta.json", "Look at its .raw files, then remove it")
            continue
        if meta.wanted == "recording":
            live.append(spool)
        yield from check_spool(spool, meta, waiting.get(spool.session_id, 0))
    there = os.path.isdir(places.beside_spool)
    lock = take_lock(places.sidecar_lock) if there else None
    if lock is None and there:
        yield Finding("ok", f"recording {len(live)} pane{'' if len(live) == 1 else 's'}; the sidecar runs")
    elif live:
        remedy = f"Start it with procy record in one of them, and see {places.sidecar_log}"
        yield Finding("problem", "panes are recorded but the sidecar does not run", remedy)
    else:
        yield Finding("ok", "nothing is recorded now")
    if lock is not None:
        lock.close()


def check_spool(spool: Spool, meta: Meta, waiting: int) -> Iterator[Finding]:
    """``waiting``: bytes that the sidecar has not read yet."""
    if meta.wanted == "recording" and not spool.tap_is_running():
        what = f"pane {meta.pane_id} ({spool.session_id[-6:]}) has no tap now"
        yield Finding("note", what, "The sidecar attaches it again")
    state = spool.state()
    if state and state.lost:
        yield Finding("problem", f"{state.lost} bytes of {meta.pane_id} could not be written", "Free disk space")
    if waiting > MUCH_BEHIND:
        what = f"the sidecar is {waiting >> 20} MB behind what {meta.pane_id} printed"
        yield Finding("note", what, "Nothing is lost: it waits in the spool, and is read when the panes print less")
    if (spool.path / "fallback.raw").exists():
        yield Finding("problem", f"the tap of {meta.pane_id} could not start", f"See {spool.path / 'tap.log'}")


def check_agents(places: Places) -> Iterator[Finding]:
    for name, install in AGENTS.items():
        path = shutil.which(name)
        yield Finding("ok", f"{name}: {path}") if path else Finding("note", f"{name} is not installed", install)


def check_hooks(places: Places) -> Iterator[Finding]:
    """Agents that run hooks of ours must find the script: a missing one shows as an error in the agent."""
    script = resources.files("procy.capture") / "hook.sh"
    done = subprocess.run(["/bin/sh", "-n", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        yield Finding("problem", f"the hook script does not run: {done.stderr.strip()}", "Install procy again")
    for spool in spools(places.spool):
        left = len(list(spool.hooks.glob("*.json")))
        if left > MANY_HOOKS:
            remedy = f"The sidecar does not read them; see {places.sidecar_log}"
            yield Finding("problem", f"{left} hook events wait in {spool.hooks}", remedy)
    if not done.returncode:
        yield Finding("ok", f"hooks: {script}")


def check_libraries(places: Places) -> Iterator[Finding]:
    try:
        import pyghostty

        yield Finding("ok", f"terminal emulator: pyghostty {pyghostty.__version__}")
    except (ImportError, OSError) as error:
        yield Finding("problem", f"the terminal emulator cannot be loaded: {error}", "pip install pyghostty==0.1.3")
    if "fts5" not in " ".join(row[0].lower() for row in sqlite3.connect(":memory:").execute("PRAGMA compile_options")):
        yield Finding("problem", "this Python's SQLite has no full-text search", "Use a Python whose SQLite has FTS5")


def check_assets(places: Places) -> Iterator[Finding]:
    from procy.ui.assets import Assets, plugins_folder

    try:
        there = Assets(plugins_folder() / "static").player()
    except ProcyError as error:
        yield Finding("problem", error.what, error.remedy)
        return
    if there:
        yield Finding("ok", "the terminal player is there")
    else:
        yield Finding("note", "the terminal player is missing: the pages show text instead", "make assets, with npm installed")


CHECKS: tuple[Callable[[Places], Iterator[Finding]], ...] = (
    check_tmux, check_plugin, check_settings, check_home, check_database, check_recordings, check_agents, check_hooks,
    check_libraries, check_assets, check_changes, check_gateway, check_hosts,
)  # fmt: skip
