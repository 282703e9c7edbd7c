"""A really trained adapter, really served: by ``transformers serve`` merged, and by vLLM on its base where there is one.

``PROCY_VLLM_PYTHON``: of an environment with vLLM, or ``make vllm-test``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from procy.errors import ServeError
from procy.evolve.proposers.model import ModelProposer
from procy.evolve.proposers.served import with_served
from procy.learn.compare.order import Order, compare
from procy.learn.serve import stop
from procy.learn.serve.start import serve
from procy.learn.serve.wish import Wish, draft
from procy.places import Places, make_home
from procy.settings import Settings
from procy.settings.evolve import ProxyModelSettings
from procy.settings.serve import ServeSettings
from procy.settings.train import TrainSettings
from procy.store.db import open_writer
from tests.train.conftest import PYTHON, Lesson

pytestmark = [pytest.mark.train, pytest.mark.timeout(1400)]

VLLM = os.environ.get("PROCY_VLLM_PYTHON", "")
SMALL = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "512")
PATIENCE_S = 600.0
ALONE = {
    "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "TORCHDYNAMO_DISABLE": "1",  # else the first answer waits for a C++ compiler: over two minutes on a busy machine
}  # fmt: skip


def quiet(text: str) -> None:
    """For who does not watch."""


class Server:
    """An engine, and a data directory for what it serves."""

    def __init__(self, root: Path, engine: str) -> None:
        home = root / "home"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
        make_home(self.places)
        open_writer(self.places.db).close()
        python, options = (str(PYTHON), ()) if engine == "transformers" else (VLLM, SMALL)
        self.settings = Settings(serve=ServeSettings(engine, python, options), train=TrainSettings(python=str(PYTHON)))

    def serve(self, adapter: Path, **more: object) -> dict[str, object]:
        wish = Wish(adapter=str(adapter), patience_s=PATIENCE_S, **more)  # type: ignore[arg-type]
        return serve(self.places, self.settings, draft(self.places, self.settings, wish), quiet)


@pytest.fixture(params=["transformers", "vllm"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    if request.param == "vllm" and not VLLM:
        pytest.skip("no vLLM: make vllm-test")
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    server = Server(tmp_path, request.param)
    yield server
    stop.stop(server.places, server.settings)


def test_served_requested_by_name_and_asked_by_evolve(server: Server, lesson: Lesson, tmp_path: Path) -> None:
    row = server.serve(lesson.folder / "sft")
    assert row["name"] == "sft"
    canary = row["canary"]
    assert isinstance(canary, dict) and canary["fault"] == ""
    for found in canary["rows"]:
        assert found["said"]["text"].strip() == found["adapter"].strip()

    rows = [json.loads(line) for line in lesson.test.read_text().splitlines()][:16]
    hits = 0
    for question in rows:
        body = {"model": "sft", "messages": question["prompt"], "max_tokens": 40, "temperature": 0}
        answer = httpx.post(f"{row['url']}/chat/completions", json=body, timeout=120, trust_env=False).json()
        hits += question["expect"] in answer["choices"][0]["message"]["content"]
    assert hits >= 0.6 * len(rows), "it gives the right advice, which its base does in one case of six"

    settings = with_served(server.places, Settings(proxy_model=ProxyModelSettings(max_tokens=64))).proxy_model
    proposer = ModelProposer(settings, templates=None)  # type: ignore[arg-type]
    assert proposer.endpoint.complete(proposer.model, rows[0]["prompt"]).text

    false = tmp_path / "false"
    shutil.copytree(lesson.folder / "sft", false)
    shutil.copy(lesson.folder / "control" / "adapter_model.safetensors", false)
    card = json.loads((false / "procy.json").read_text())
    (false / "procy.json").write_text(json.dumps({**card, "weights_sha256": "f" * 64}))
    with pytest.raises(ServeError, match="answered otherwise than when it was trained"):
        server.serve(false)
    assert proposer.endpoint.complete(proposer.model, rows[0]["prompt"]).text, "what was served before is served still"


def test_an_adapter_of_another_base_is_not_even_started(lesson: Lesson, lessons: list[Lesson], tmp_path: Path) -> None:
    server = Server(tmp_path, "transformers")
    if len(lessons) > 1:
        base = str(lessons[1].base)
    else:
        shutil.copytree(lesson.base, tmp_path / "base")
        (tmp_path / "base" / "config.json").write_text((lesson.base / "config.json").read_text() + "\n")
        base = str(tmp_path / "base")
    with pytest.raises(ServeError, match="is not the base that sft was trained on"):
        server.serve(lesson.folder / "sft", base=base)


def test_right_corrections_are_better_and_scrambled_ones_are_not(lesson: Lesson, tmp_path: Path) -> None:
    server = Server(tmp_path, "transformers")
    order = Order(adapter=str(lesson.folder / "sft"), data=str(lesson.test), control=str(lesson.folder / "control"))
    found = compare(server.places, server.settings, order, quiet)
    assert found["verdict"] == "better", found["result"]
    assert found["result"]["control"]["beyond"][1] > 0, "right answers are likelier than scrambled ones by more than chance"
    control = found["result"]["scrambled"]["content"]
    assert control["preference"]["gain"][1] <= 0.1 and control["generation"]["gain"][1] <= 0.1
    assert any("trained on scrambled corrections" in line for line in found["result"]["reasons"])
