"""The engines: how each is called, what it serves, and how it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM has room for


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One server. ``name``: what it is requested by; ``model``: a folder there, or a name of a hub, that the engine loads.
    ``rank``: of the adapter, 0 for none. ``options``: words for the engine."""

    program: Sequence[str]
    name: str
    model: str
    is_folder: bool
    folder: str
    port: int
    rank: int = 0
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    options: Sequence[str] = ()


class Engine(Protocol):
    """``swaps``: adapters are loaded and replaced while it runs, on top of the base that it was started with."""

    name: str
    swaps: bool
    install: str

    def words(self, job: Job) -> list[str]: ...

    def environment(self, job: Job) -> Mapping[str, str]: ...


class Vllm:
    name = "vllm"
    swaps = True
    install = (
        "Install it in an environment of its own, python3 -m venv ~/vllm && ~/vllm/bin/pip install vllm, and set "
        '[serve] python = "~/vllm/bin/python"; without a GPU: --engine transformers'
    )

    def words(self, job: Job) -> list[str]:
        return [
            *job.program, job.model, "--host", "127.0.0.1", "--port", str(job.port), "--served-model-name", job.name,
            "--enable-lora", "--max-lora-rank", str(room_for(job.rank)),
            "--tensor-parallel-size", str(job.tensor_parallel), "--pipeline-parallel-size", str(job.pipeline_parallel),
            *job.options,
        ]  # fmt: skip

    def environment(self, job: Job) -> Mapping[str, str]:
        """Loading at run time: whoever reaches the port may load what is on the disk, so it is loopback's alone."""
        offline = {"HF_HUB_OFFLINE": "1"} if job.is_folder else {}
        return {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_NO_USAGE_STATS": "1", **offline}


class Transformers:
    """For everyday use without a GPU: one merged model. It takes the model's name for a path from where it runs, where
    ``procy.learn.serve.start`` has put a folder of that name."""

    name = "transformers"
    swaps = False
    install = "Install it: make train-env, or pip install 'transformers[serving]' where [serve] python is"

    def words(self, job: Job) -> list[str]:
        model = job.name if job.is_folder else job.model
        return [*job.program, "--host", "127.0.0.1", "--port", str(job.port), *job.options, model]

    def environment(self, job: Job) -> Mapping[str, str]:
        """Its list of models is an error 500 where the hub's folder is missing."""
        return {"HF_HUB_OFFLINE": "1", "HF_HOME": job.folder, "HF_HUB_CACHE": job.folder} if job.is_folder else {}


ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (Vllm(), Transformers())}


def room_for(rank: int) -> int:
    """The least that vLLM takes, but 16, its default: so that most adapters can be loaded later."""
    return next((size for size in RANKS if size >= max(rank, 16)), rank)
