"""Folders of a base and of adapters, so far as procy looks into them."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

from procy.learn.serve import environment
from procy.settings import Settings
from procy.settings.serve import ServeSettings

PROMPTS = ("one", "two", "three")


def make_base(folder: Path, name: str = "tiny") -> Path:
    base = folder / name
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps({"name": name}))
    (base / "model.safetensors").write_text(f"weights of {name}")
    (base / "answers.json").write_text(json.dumps({prompt: [f"base {prompt}", -2.0] for prompt in PROMPTS}))
    return base


def fingerprint(base: Path) -> str:
    found = runpy.run_path(str(environment.program("fingerprint.py")))["fingerprint_of"](str(base))
    return str(found["sha256"])


def make_adapter(base: Path, name: str, says: str = "", rank: int = 16, **card: Any) -> Path:
    """``says``: what it answers in truth; as it is stored where that is empty."""
    folder = base.parent / name
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "base_model_name_or_path": str(base)}))
    (folder / "adapter_model.safetensors").write_text(f"weights of {name}")
    canary = [
        {
            "prompt": [{"role": "user", "content": prompt}],
            "adapter": {"answer": f"{name} {prompt}", "logprob": -0.5},
            "base": {"answer": f"base {prompt}", "logprob": -2.0},
        }
        for prompt in PROMPTS
    ]
    told = {
        "format": 1, "method": "sft", "base": {"name": str(base), "sha256": fingerprint(base)},
        "weights_sha256": f"{name:x<64}", "canary": canary, **card,
    }  # fmt: skip
    (folder / "procy.json").write_text(json.dumps(told))
    answers = {prompt: [f"{says or name} {prompt}", -0.5] for prompt in PROMPTS}
    (folder / "answers.json").write_text(json.dumps(answers))
    return folder


def make_engine(folder: Path) -> Path:
    """An environment with a stand-in for vLLM; its Python."""
    bin_ = folder / "env" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(sys.executable)
    program = bin_ / "vllm"
    program.write_text(f"#!{sys.executable}\n{(Path(__file__).parent / 'vllm.py').read_text()}")
    program.chmod(0o755)
    return bin_ / "python"


def settings_with(python: Path) -> Settings:
    return Settings(serve=ServeSettings(engine="vllm", python=str(python)))
