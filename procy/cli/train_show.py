"""How trainings and adapters look in a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from procy.cli.common import one_line, print_json, printable, table
from procy.places import Places
from procy.store import trainings
from procy.store.db import open_reader
from procy.store.read import short
from procy.store.trainings import Row

LOOK_S = 0.3
COLOURS = {"running": "blue", "done": "green", "failed": "red", "lost": "red"}
FIGURES = (("nll", "nll"), ("preference", "preference"), ("preference_content", "of content"), ("generation", "generation"))


def show_training(places: Places, training_id: str, as_json: bool) -> None:
    with open_reader(places.db) as connection:
        row, steps = trainings.by_id(connection, training_id), trainings.steps(connection, training_id)
        made = [one for one in trainings.adapters(connection, 1000) if one["training_id"] == training_id]
    if as_json:
        print_json({**row, "steps": steps, "adapters": made})
        return
    status = click.style(row["status"], fg=COLOURS.get(row["status"]))
    click.echo(f"training {short(row['id'])}  {status}  {row['method']} of {printable(row['model'])}, {row['place']}")
    if row["progress"]:
        click.echo(f"  {line_of(row['progress'])}")
    for step in steps:
        if step.get("event") == "note":
            click.echo(f"  {printable(step['text'])}")
    if row["error"]:
        click.echo(f"  {printable(row['error'])}", err=True)
    show_adapters(made)
    click.echo(f"  {row['folder']}", err=True)


def line_of(progress: dict[str, Any]) -> str:
    """The last thing that it said, in words."""
    stage = progress.get("stage", "")
    if progress.get("event") == "step":
        return f"{stage}: step {progress['step']} of {progress['steps']}, loss {progress['loss']:.4f}"
    if progress.get("event") == "start":
        return f"{stage}: begins with {progress['rows']} rows"
    if progress.get("event") == "error":
        return f"{stage}: {printable(str(progress.get('what')))}"
    return f"{stage}: {progress.get('event', '')}"


def show_trainings(rows: list[Row]) -> None:
    if not rows:
        click.echo("nothing was trained yet; begin with: procy train", err=True)
    cells = [
        {
            "TRAINING": short(row["id"]),
            "STATUS": click.style(row["status"], fg=COLOURS.get(row["status"])),
            "METHOD": row["method"],
            "MODEL": one_line(row["model"], 60),
            "PLACE": one_line(row["place"], 30),
            "BEGAN": row["started_at"][:16].replace("T", " "),
            "AT": one_line(row["error"] or (line_of(row["progress"]) if row["progress"] else ""), 60),
        }
        for row in rows
    ]
    table(cells, ("TRAINING", "STATUS", "METHOD", "MODEL", "PLACE", "BEGAN", "AT"), cut=("AT", "MODEL"))


def show_adapters(rows: list[Row]) -> None:
    """With what held-out rows say of each, before → after."""
    cells = []
    for row in rows:
        held = row["held_out"] or {"before": {}, "after": {}}
        figures = {name.upper(): change_of(held["before"].get(key), held["after"].get(key)) for key, name in FIGURES}
        cells.append({"ADAPTER": row["name"], "METHOD": row["method"], **figures, "PATH": row["path"]})
    table(cells, ("ADAPTER", "METHOD", *(name.upper() for _, name in FIGURES), "PATH"), cut=("PATH",))


def change_of(before: float | None, after: float | None) -> str:
    return "–" if before is None or after is None else f"{before:.2f} → {after:.2f}"


def follow_on_screen(places: Places, training_id: str, as_json: bool) -> int:
    """A bar until it ends; returns an exit status. Ctrl-C ends the bar, and the training goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"),
               TextColumn("{task.fields[words]}"), TimeRemainingColumn())  # fmt: skip
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("waiting", total=1, words="")
            while (row := look(places, training_id))["status"] in trainings.OPEN:
                said = row["progress"] or {}
                if said.get("event") == "step":
                    bar.update(
                        task,
                        description=said["stage"],
                        completed=said["step"],
                        total=said["steps"],
                        words=f"loss {said['loss']:.4f}",
                    )
                elif row["error"]:
                    bar.update(task, description="not watched", words=one_line(row["error"], 60))
                elif said:
                    bar.update(task, description=said.get("stage", ""), words=one_line(line_of(said), 60))
                time.sleep(LOOK_S)
    except KeyboardInterrupt:
        click.echo(f"it goes on: procy train status {short(training_id)}, procy train cancel {short(training_id)}", err=True)
        return 130
    show_training(places, training_id, as_json)
    return 0 if row["status"] == "done" else 1


def look(places: Places, training_id: str) -> Row:
    with open_reader(places.db) as connection:
        return trainings.by_id(connection, training_id)


def wait_for_end(places: Places, training_id: str) -> str:
    """How it ended, or why that has to wait."""
    while (row := look(places, training_id))["status"] in trainings.OPEN:
        if row["error"]:
            return f"cancelled as soon as its place can be reached: {row['error']}"
        time.sleep(LOOK_S)
    return str(row["status"])


def print_log(places: Places, row: Row, follow: bool) -> None:
    path, offset = Path(row["folder"]) / "log", 0
    while True:
        ended = look(places, row["id"])["status"] not in trainings.OPEN  # before the file is read
        if path.exists():
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read()
            offset += len(data)
            click.echo(printable(data.decode("utf-8", "replace").replace("\r", "\n")), nl=False)
        if ended or not follow:
            return
        time.sleep(LOOK_S)
