"""Before a run's first prompt: what its goal is, and what is told while an agent takes none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from procy.errors import PaneRefuses
from procy.evolve import prompting, start
from procy.evolve.lane import Pause
from procy.learn.correct import delete, keep
from procy.places import Places, make_home
from procy.store import write
from procy.store.corrections import Pair
from procy.store.db import iso, open_reader, open_writer
from procy.types import Turn

NOW = 1_795_000_000_000_000_000
SESSION = "S" * 26


def test_the_goal_is_the_last_prompt_as_it_was_corrected(tmp_path: Path) -> None:
    places = Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))
    make_home(places)
    order: Any = SimpleNamespace(spool=SimpleNamespace(session_id=SESSION))

    def goal() -> str:
        with open_reader(places.db) as reader:
            return start.task_of(reader, order)

    connection = open_writer(places.db)
    with write.transaction(connection):
        write.put_session(connection, SESSION, {"agent": "generic", "started_at": iso(NOW)})
        for number, prompt in enumerate(("an older one", "make it faster"), 1):
            write.put_turn(connection, SESSION, Turn(key=prompt, prompt=prompt, started_ns=NOW + number), str, None)
    assert goal() == "make it faster"
    turn = connection.execute("SELECT id FROM turns ORDER BY seq DESC").fetchone()[0]
    with write.transaction(connection):
        made = keep(connection, NOW, Pair(turn, None, "make it faster", "make it need less memory", "", "you"))
    assert goal() == "make it need less memory"
    with write.transaction(connection):
        delete(connection, NOW, made)
    assert goal() == "make it faster"
    connection.close()


def test_an_agent_that_takes_no_prompt_for_long_is_told_of_before_the_run_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise PaneRefuses("it shows no prompt to type at", "")

    monkeypatch.setattr(prompting, "find_target", refuses)
    monkeypatch.setattr(prompting, "is_starting", lambda *_: True)
    monkeypatch.setattr(prompting, "SLOW_S", 0.3)
    told: list[str] = []
    with pytest.raises(Pause, match="takes no prompt"):
        prompting.until_ready(SimpleNamespace(), SESSION, 0.8, lambda: None, told.append)  # type: ignore[arg-type]
    assert told[0] == "" and told[-1] == "it shows no prompt to type at"
