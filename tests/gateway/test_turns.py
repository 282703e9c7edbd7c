"""An agent that keeps no transcript, in a pane and through the gateway: its calls tell its turns."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from procy.gateway import launch
from tests.conftest import Lab, wait_until
from tests.model_server import ModelServer

SETTINGS = """
[gateway]
claude_port = 0
codex_port = 0
openai_port = 0

[prices.scripted]
input = 1.0
output = 10.0

[upstreams.scripted]
service = "openai"
base_url = "{url}"
active = true
"""
AGENT = """
import json, os, subprocess, urllib.request

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
TOOLS = [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}]
history = [{"role": "system", "content": "You help."}]


def ask():
    body = json.dumps({"model": "scripted", "messages": history, "tools": TOOLS}).encode()
    request = urllib.request.Request(URL, body, {"content-type": "application/json", "authorization": "Bearer key"})
    with urllib.request.urlopen(request) as answer:
        history.append(json.load(answer)["choices"][0]["message"])
    return history[-1]


while True:
    history.append({"role": "user", "content": input("> ")})
    while calls := ask().get("tool_calls"):
        for call in calls:
            command = json.loads(call["function"]["arguments"])["command"]
            done = subprocess.run(command, shell=True, capture_output=True, text=True)
            history.append({"role": "tool", "tool_call_id": call["id"], "content": done.stdout})
    print("answered", flush=True)  # the screen does not have it
"""


@pytest.fixture
def lab_with_gateway(lab: Lab) -> Iterator[tuple[Lab, ModelServer]]:
    (lab.work / "agent.py").write_text(AGENT)
    with ModelServer() as server:
        (lab.root / "config.toml").write_text(SETTINGS.format(url=server.url))
        lab.start()
        try:
            yield lab, server
        finally:
            lab.stop()
            launch.stop(lab.places)
    assert not server.errors


def told(lab: Lab) -> list[tuple[object, ...]]:
    return [(turn["prompt"], turn["status"]) for turn in lab.turns() if turn["source"] == "wire"]


def test_turns_from_calls_alone(lab_with_gateway: tuple[Lab, ModelServer]) -> None:
    lab, _ = lab_with_gateway
    lab.type(f"procy record --gateway -- {sys.executable} agent.py")
    lab.wait_for(">", 60)
    for count, prompt in enumerate(("two: echo one ;; echo two", "hello there"), 1):
        lab.type(prompt)
        wait_until(lambda count=count: len(told(lab)) >= count and told(lab)[-1][1] == "done", 30, f"turn {count}")
    assert told(lab) == [("two: echo one ;; echo two", "done"), ("hello there", "done")]
    turns = [turn for turn in lab.turns() if turn["source"] == "wire"]
    assert len(lab.turns()) == 2, "what the screen shows of a turn is that turn"
    assert "hello there" in str(turns[1]["response"]) and turns[1]["model"] == "scripted"
    calls = lab.rows("SELECT name, input, result, status FROM tool_calls ORDER BY seq")
    assert [(call["name"], json.loads(str(call["input"]))["command"], call["result"], call["status"]) for call in calls] == [
        ("bash", "echo one", "one", "ok"),
        ("bash", "echo two", "two", "ok"),
    ]
    sums = lab.rows("SELECT turn_id, count(*) AS n, sum(output_tokens) AS output FROM exchanges GROUP BY turn_id ORDER BY 2 DESC")
    assert [(row["turn_id"], row["n"]) for row in sums] == [(turns[0]["id"], 2), (turns[1]["id"], 1)]
    assert [turn["output_tokens"] for turn in turns] == [row["output"] for row in sums]
    assert all(turn["usage_from"] == "wire" and turn["cost_usd"] for turn in turns)
    lab.press("C-c")
    lab.until_ended(str(turns[0]["session_id"]))
    before = lab.rows(
        "SELECT id, prompt, response, source, status, output_tokens, terminal_from, ended_at FROM turns ORDER BY seq"
    )
    assert [row["source"] for row in before] == ["wire", "wire"]
    lab.procy("rebuild", str(turns[0]["session_id"]))
    again = lab.rows(
        "SELECT id, prompt, response, source, status, output_tokens, terminal_from, ended_at FROM turns ORDER BY seq"
    )
    assert again == before
    shown = json.loads(lab.procy("show", "--json", f"{turns[0]['session_id']}:1").stdout)
    assert "wire" in json.dumps(shown)
