"""The proxy model's own calls: through the gateway where it runs and has the endpoint, and without it just the same."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

from procy.evolve.proposers.endpoint import Endpoint
from procy.gateway import launch
from procy.gateway.own import own_way
from procy.gateway.tokens import read_tokens
from procy.settings import load_settings
from procy.settings.evolve import ProxyModelSettings
from tests.conftest import Lab, wait_until
from tests.gateway.lab import Heard, Upstream, reply

SESSION = "01KB5M3Z6V8Q2R4T6W8Y0A2C4E"
SETTINGS = """
[gateway]
claude_port = 0
codex_port = 0
openai_port = 0

[upstreams.other]
service = "openai"
base_url = "http://127.0.0.1:9/v1"
active = true

[upstreams.adapter]
service = "openai"
base_url = "{url}/v1"
"""


def answer(heard: Heard, out: socket.socket) -> None:
    out.sendall(
        reply(b'{"model":"m-1","choices":[{"message":{"content":"do it"}}],"usage":{"prompt_tokens":11,"completion_tokens":3}}')
    )


def test_calls_of_the_proxy_model_are_recorded_at_their_session(lab: Lab) -> None:
    upstream = Upstream(answer)
    Path(lab.places.config).write_text(SETTINGS.format(url=upstream.url))
    settings = load_settings(lab.places)
    way = partial(own_way, lab.places, settings, session_id=SESSION)
    endpoint = Endpoint(ProxyModelSettings(url=f"{upstream.url}/v1", retry_s=0), way=way)
    try:
        assert endpoint.complete("m", [{"role": "user", "content": "before"}]).text == "do it"
        assert len(upstream.heard) == 1 and not lab.rows("SELECT 1 FROM exchanges")
        launch.up(lab.places)
        assert endpoint.complete("m", [{"role": "user", "content": "while it runs"}]).text == "do it"
        row = wait_until(lambda: lab.rows("SELECT * FROM exchanges WHERE outcome = 'ok'"), what="its row")[0]  # type: ignore[index]
        assert (row["session_id"], row["upstream"], row["input_tokens"]) == (SESSION, "adapter", 11)
        assert read_tokens(lab.places).of_session(SESSION) not in upstream.heard[-1].head.decode() + endpoint.shown
        launch.stop(lab.places)
        assert endpoint.complete("m", [{"role": "user", "content": "after"}]).text == "do it"
    finally:
        launch.stop(lab.places)
        upstream.close()
