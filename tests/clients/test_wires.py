"""Real clients whose upstream speaks another wire: through one gateway, and through two with openai-chat between them."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.homes import HOMES
from tests.gateway.lab import GatewayLab
from tests.gateway.translating import to
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients
HEADLESS = {"claude": ["-p"], "codex": ["exec", "--skip-git-repo-check"]}
MESSAGES, CHAT, RESPONSES = "anthropic-messages", "openai-chat", "openai-responses"


@contextlib.contextmanager
def gateways(root: Path, service: str, url: str, *wires: str) -> Iterator[list[GatewayLab]]:
    """One behind the other; the last one's upstream is at ``url``. A gateway's upstream speaks the next one's wire."""
    with contextlib.ExitStack() as stack:
        labs: list[GatewayLab] = []
        for place, wire in reversed(list(enumerate(wires))):
            (root / f"gateway-{place}").mkdir()
            lab = GatewayLab(root / f"gateway-{place}", {}, steering=to("openai" if place else service, url, wire))
            labs.insert(0, stack.enter_context(lab))
            url = lab.url("openai" if place else service)
        yield labs


@pytest.mark.parametrize("wires", [(), (CHAT, MESSAGES), (CHAT, RESPONSES)], ids=["the other", "chat-messages", "chat-responses"])
def test_a_client_works_over_other_wires(client: str, executable: Path, server: ModelServer, tmp_path: Path, wires) -> None:
    own, other = (MESSAGES, RESPONSES) if client == "claude" else (RESPONSES, MESSAGES)
    with gateways(tmp_path, client, server.url, *(wires or (other,))) as labs:
        home = HOMES[client](tmp_path, executable, labs[0].url(client))
        prompt = "two: touch one.txt ;; touch two.txt"
        done = subprocess.run(
            [*home.command, *HEADLESS[client], prompt],
            cwd=home.work, env=home.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        rows = labs[0].rows(2)
    assert done.returncode == 0, done.stderr
    assert "Received " in done.stdout, "the scripted model's last words"
    assert sorted(path.name for path in home.work.glob("*.txt")) == ["one.txt", "two.txt"]
    assert {(row["outcome"], row["wire"]) for row in rows} == {("ok", own)}
    assert any(change["what"] == "wire" for change in json.loads(str(rows[0]["changes"])))
