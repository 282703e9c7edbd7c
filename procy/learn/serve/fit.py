"""Whether a model fits into the memory there, before minutes are spent on finding out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from procy.learn.serve.engines import Job

ROOM = 1.1  # for what is not weights
GIB = 1 << 30


def fault(weights: int, memory: int, gpus: Sequence[int], job: Job, engine: str) -> str:
    """Why it cannot fit; "" where it may, or nobody knows. ``weights``, ``memory``, ``gpus``: bytes."""
    ways = job.tensor_parallel * job.pipeline_parallel
    if engine == "vllm" and gpus:
        if ways > len(gpus):
            return f"{ways} GPUs are asked for and there are {len(gpus)}"
        if weights * ROOM > min(gpus) * ways:
            return (
                f"the model's weights are {weights / GIB:.1f} GiB, and {ways} of its GPUs have {min(gpus) * ways / GIB:.1f} GiB"
            )
        return ""
    if memory and weights * ROOM > memory:
        return f"the model's weights are {weights / GIB:.1f} GiB, and {memory / GIB:.1f} GiB of memory are free"
    return ""
