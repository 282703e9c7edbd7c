"""Why an engine ended, read from the end of its log. Pure."""

from __future__ import annotations

import re

SIGNS = (
    (r"out of memory|OutOfMemoryError|Cannot allocate memory|No available memory", "there is not enough memory for the model"),
    (r"[Aa]ddress already in use", "its port is taken"),
    (r"No space left on device", "the disk is full"),
    (r"No module named '?([\w.]+)", "a Python package is missing in its environment ({0})"),
    (
        r"(?:larger|greater) than the (?:derived )?max_model_len|KV cache is needed",
        "the context is too long for the memory there",
    ),
    (r"does not recognize this architecture|architectures .* are not supported", "it does not know this kind of model"),
    (r"Torch not compiled with CUDA|No CUDA GPUs are available|Failed to infer device type", "it finds no GPU"),
)
NOISE = re.compile(r"^\s*(?:File \"|\^|~|Traceback|During handling|The above exception|$)")


def why(log: str) -> str:
    """In words where the sign is known, with the line that it stands in; else the last line that says something."""
    for pattern, words in SIGNS:
        if found := re.search(pattern, log):
            line = next(line for line in log.splitlines() if found[0] in line).strip()
            return f"{words.format(*found.groups())} ({line[:200]})"
    return last_line(log) or "no word of why"


def last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if not NOISE.match(line)]
    return lines[-1][:200] if lines else ""
