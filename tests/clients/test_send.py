"""``procy send`` to both real clients: what arrives is what was given, what is said is what happened."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES
from tests.clients.recording import Recording, recorded, state
from tests.clients.scripts import UNICODE_PROMPT
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients

BIG = "\n".join(f"{number:04d}" + " größer 漢字 👍🏽" * 4 for number in range(1200)).rstrip()  # more than 100 KB
TEXTS = {
    "one line": "hello there",
    "lines": "Look at this:\n\n    def f(x):\n        return x\n\nand say what it does.",
    "unicode": UNICODE_PROMPT,
    "100 KB": BIG,
    "a semicolon at the end": "echo one; echo two;",
    "shell characters": "a 'b' \"c\" $HOME `id` #{pane_id} %d \\n && | > ~",
    "a backslash at the end": "what does this do \\",
    "a file at the end": "look at @afile",
    "a word with a dollar at the end": "what is $imagegen",
    "a hash": "# heading, or a note?",
    "an escape sequence": "red \x1b[31m and an end of a paste \x1b[201~\rsecond line",
}


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path, request: Any) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask=request.node.get_closest_marker("asks") is not None))
    (home.work / "afile.txt").write_text("content\n")
    with Driver(home) as driver:
        driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
        yield driver
    Recording(home).stop()


def send(driver: Driver, *options: str, text: str) -> subprocess.CompletedProcess[str]:
    """``procy send`` from outside, the text through standard input."""
    command = [sys.executable, "-m", "procy", "send", "-t", driver.pane, *options]
    environment = {**driver.home.env, "TMUX": f"{driver.socket},1,0"}
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, timeout=90)


def test_text_arrives_exactly(driver: Driver) -> None:
    for name, text in TEXTS.items():
        done = send(driver, "--wait", "--json", "--timeout", "60", text=text)
        assert done.returncode == 0, (name, done.stderr, driver.screen())
        told = json.loads(done.stdout)
        wanted = text.replace("\x1b", "").replace("\r", "\n")
        assert driver.heard().prompts[-1] == wanted, name
        assert told["proof"] in ("transcript", "hook"), name
        assert told["turn"]["status"] == "done", name
        assert told["turn"]["response"] == driver.heard().answers[-1], name
    rows = Recording(driver.home).turns()
    assert [row["origin"] for row in rows] == ["procy"] * len(TEXTS)


def test_a_human_prompt_with_the_same_words_stays_human(driver: Driver) -> None:
    assert send(driver, "--wait", text="hello there").returncode == 0
    driver.ask("hello there")
    rows = Recording(driver.home).until_turns(2)
    assert [row["origin"] for row in rows] == ["procy", "human"]


def test_commands_of_the_agent_are_typed(driver: Driver) -> None:
    assert send(driver, "--wait", text="before").returncode == 0
    done = send(driver, text="/clear")
    assert done.returncode == 0, (done.stderr, driver.screen())
    driver.until(lambda: "before" not in driver.screen(), "an empty screen")
    assert send(driver, "--wait", text="!echo from bash mode").returncode == 0
    driver.until_screen("from bash mode")


def test_refused_while_busy_and_queued(driver: Driver) -> None:
    driver.type("slow 6")
    driver.enter()
    driver.until_screen("slow line 3")
    done = send(driver, text="too early")
    assert done.returncode == 1
    assert "busy" in done.stderr and "--queue" in done.stderr
    assert "too early" not in driver.screen()
    done = send(driver, "--queue", "--wait", text="in time")
    assert done.returncode == 0, done.stderr
    assert driver.heard().prompts == ["slow 6", "in time"]


def test_queued_prompts_keep_their_order(driver: Driver) -> None:
    """The order in which they came, which is that of their tickets."""
    tickets = Path(Recording(driver.home).places.spool)
    with ThreadPoolExecutor() as pool:
        sent = []
        for number in range(4):
            before = set(tickets.glob("*/senders/*"))
            one = pool.submit(send, driver, "--queue", text=f"number {number}")
            driver.until(lambda: one.done() or set(tickets.glob("*/senders/*")) - before, "its ticket")  # noqa: B023
            sent.append(one)
    assert [one.result().returncode for one in sent] == [0] * 4, ([one.result().stderr for one in sent], driver.screen())
    driver.until_ended(4)
    assert driver.heard().prompts == [f"number {number}" for number in range(4)]


def test_a_draft_of_the_human_is_left_alone(driver: Driver) -> None:
    driver.type("my own dra")
    done = send(driver, text="not now")
    assert done.returncode == 1
    assert "typed" in done.stderr and "my own dra" in done.stderr
    driver.type("ft")
    driver.finish()
    assert driver.heard().prompts == ["my own draft"]


def test_a_human_who_types_into_it_wins(driver: Driver) -> None:
    """Keys that come between the paste and its Enter keep the Enter away."""
    hand = threading.Thread(
        target=lambda: (driver.until_drawn("of procy's"), driver.tmux("send-keys", "-t", driver.pane, "-l", " MINE"))
    )
    hand.start()
    done = send(driver, text="a prompt of procy's")
    hand.join()
    if done.returncode == 0:
        pytest.skip("the hand came too late to be in the way")
    assert "was not sent" in done.stderr
    assert driver.heard().prompts == []
    driver.until_screen("MINE")


def test_the_limit_ends_the_waiting_and_not_the_run(driver: Driver) -> None:
    done = send(driver, "--wait", "--timeout", "1.5", "--json", text="slow 5")
    assert done.returncode == 1
    assert json.loads(done.stdout)["turn"] is None
    assert "it goes on" in done.stderr
    driver.until_ended(1)
    assert "slow line 20" in driver.heard().answers[-1]


def test_not_in_copy_mode_nor_where_input_is_off(driver: Driver) -> None:
    driver.tmux("copy-mode", "-t", driver.pane)
    done = send(driver, text="lost?")
    assert done.returncode == 1 and "copy mode" in done.stderr
    driver.tmux("send-keys", "-t", driver.pane, "-X", "cancel")
    driver.tmux("select-pane", "-d", "-t", driver.pane)
    done = send(driver, text="lost?")
    assert done.returncode == 1 and "takes no input" in done.stderr
    driver.tmux("select-pane", "-e", "-t", driver.pane)
    assert send(driver, "--wait", text="found").returncode == 0
    assert driver.heard().prompts == ["found"]


@pytest.mark.asks
def test_refused_while_it_asks(driver: Driver) -> None:
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.until(lambda: state(driver)[0] == "waiting", "waiting")
    done = send(driver, text="not an answer")
    assert done.returncode == 1
    assert "asks" in done.stderr and "procy answer" in done.stderr
    driver.until_screen(driver.home.permission_question)
