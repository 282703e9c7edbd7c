"""Trainings on the page: begun, followed, ended; and an adapter with what it is worth."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from procy.places import Places
from procy.store import trainings
from procy.ui.pages import pages_of
from procy.ui.trainings import TrainingsTopic, loss_of
from tests.conftest import wait_until

from .conftest import Site
from .sample import EVIL, writing

PAGE = "/-/procy/training"
STAND_IN = Path(__file__).parents[1] / "learn" / "stand_in.py"
FIGURES = {"nll": 1.0, "preference_content": 0.5, "preference_style": 0.25, "generation": 0.125}


def add_training(places: Places, number: int, status: str = "running", **values: Any) -> str:
    folder = Path(places.home) / "trainings" / f"T{number}"
    folder.mkdir(parents=True)
    (folder / "log").write_text("a line of the log\n")
    row = {
        "id": f"T{number}", "method": "sft+dpo", "model": "tiny", "place": "local", "arguments": {"name": "proxy"},
        "folder": str(folder), "status": status, "started_at": f"2026-11-28T10:0{number}:00.000Z", **values,
    }  # fmt: skip
    with writing(places) as connection:
        trainings.add(connection, row)
    return f"T{number}"


def add_steps(places: Places, training: str, first: int, losses: list[float], stage: str = "sft") -> None:
    lines = [
        (number, "2026-11-28T10:00:00.000Z", {"event": "step", "stage": stage, "step": number, "steps": 9, "loss": loss})
        for number, loss in enumerate(losses, first)
    ]
    with writing(places) as connection:
        trainings.add_steps(connection, training, lines)
        trainings.change(connection, training, {"progress": lines[-1][2]})


def add_adapter(places: Places, training: str) -> None:
    with writing(places) as connection:
        trainings.add_adapter(connection, {
            "id": "A1", "training_id": training, "name": "proxy", "path": "/somewhere", "method": "sft", "base": "tiny",
            "base_sha256": "b", "sha256": "s", "canary": [], "versions": {}, "created_at": "2026-11-28T10:09:00.000Z",
            "held_out": {"rows": 4, "before": FIGURES, "after": {**FIGURES, "nll": 0.25}},
        })  # fmt: skip


def test_a_curve_has_a_line_for_each_stage() -> None:
    steps = [{"event": "step", "stage": stage, "loss": loss} for stage, loss in (("sft", 4.0), ("sft", 2.0), ("dpo", 0.0))]
    found = loss_of([{"event": "start"}, *steps])
    assert found is not None and found.lines == (("sft", "0.00,0.00 50.00,50.00"), ("dpo", "100.00,100.00"))
    assert loss_of([{"event": "start"}]) is None
    long = loss_of([{"event": "step", "stage": "sft", "loss": 1.0}] * 5000)
    assert long is not None and len(long.lines[0][1].split()) <= 251 and long.steps == 5000


def test_trainings_and_adapters_are_shown(site: Site) -> None:
    assert "Nothing was trained yet" in site.text(PAGE)
    add_training(site.places, 1, "failed", error=EVIL)
    running = add_training(site.places, 2)
    add_steps(site.places, running, 1, [3.0, 2.0, 1.5])
    add_adapter(site.places, "T1")
    html = site.text(PAGE)
    assert re.findall(r'<article id="training-(\w+)"', html) == ["T2", "T1"]
    assert "step 3 of 9" in html and "<polyline" in html and "a line of the log" in html and "<script>d" not in html
    assert html.count("/cancel") == 1 and " style=" not in html
    assert re.search(r'<span class="faint">1(\.0+)? →</span> 0\.25', html)


def test_open_pages_are_told_what_changed(site: Site) -> None:
    topic = TrainingsTopic(pages_of(site.datasette))
    training = add_training(site.places, 1)
    with writing(site.places) as connection:
        topic.news(connection)
        assert topic.news(connection) == []
    add_steps(site.places, training, 1, [3.0])
    with writing(site.places) as connection:
        [event] = topic.news(connection)
    assert json.loads(event.data)["id"] == f"training-{training}" and "step 1 of 9" in event.data


def test_a_training_is_begun_and_ended_from_the_page(site: Site, tmp_path: Path) -> None:
    gate, python = tmp_path / "go", tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@" --wait "{gate}"\n')
    python.chmod(0o700)
    Path(site.places.config).write_text(f'[train]\npython = "{python}"\nmodel = "tiny"\n')
    done = site.ask("/-/procy/do/train", method="POST", data={"method": "sft"})
    assert done.status_code == 200, done.text
    training = done.json()["id"]

    def row() -> Any:
        with writing(site.places) as connection:
            return trainings.by_id(connection, training)

    wait_until(lambda: (row()["progress"] or {}).get("step") == 2, 60, "its second step")
    assert site.ask(f"/-/procy/do/train/{training}/cancel", method="POST", data={"yes": "1"}).status_code == 200
    wait_until(lambda: row()["status"] == "cancelled", 60, "its end")
    assert site.ask(f"/-/procy/do/train/{training}/cancel", method="POST", data={"yes": "1"}).status_code == 409
    for wrong in ({"method": "x"}, {"where": "moon"}, {"model": "--x"}, {"world": "0"}):
        assert site.ask("/-/procy/do/train", method="POST", data={"method": "sft", **wrong}).status_code == 409
    assert site.ask("/-/procy/do/train", method="POST", data={"method": "sft"}, actor=None).status_code == 403
