"""In the place of an interpreter with torch: ``stand_in.py SCRIPT --output … --progress …`` says and leaves what a trainer does.

With ``--wait FILE`` among its words it goes on only when that file is there; with ``--fail FILE``, without that file, it
ends as a trainer without memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("data", "model", "output", "progress", "adapter", "wait"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--fail", default="", help="file without which it fails")
    given, _ = parser.parse_known_args(sys.argv[2:])
    stage, output = Path(sys.argv[1]).stem, Path(given.output)
    rows = len((Path(given.data) / stage / "train.jsonl").read_text().splitlines())
    assert not given.adapter or (Path(given.adapter) / "procy.json").exists()

    def say(event: str, **values: object) -> None:
        line = json.dumps({"procy": "train", "event": event, "at": "2026-11-28T10:00:00.000Z", "stage": stage, **values})
        print(line, flush=True)
        with open(given.progress, "a") as file:
            file.write(line + "\n")

    say("start", model=given.model, rows=rows)
    for step in range(1, 4):
        say("step", step=step, steps=3, loss=1.0 / step)
        until = time.monotonic() + 180
        while step == 2 and given.wait and not Path(given.wait).exists() and time.monotonic() < until:
            time.sleep(0.02)
    if given.fail and not Path(given.fail).exists():
        say("error", what="there is not enough memory for this model", remedy="Use --batch-size 1")
        return 1
    output.mkdir(exist_ok=True)
    weights = b"weights"
    (output / "adapter_model.safetensors").write_bytes(weights)
    figures = {"nll": 1.0, "preference": 0.5, "preference_content": 0.5, "generation": 0.1}
    facts = {
        "format": 1, "method": f"sft+{stage}" if given.adapter else stage, "base": {"name": given.model, "sha256": "b" * 64},
        "weights_sha256": hashlib.sha256(weights).hexdigest(), "data": {"sha256": ""}, "canary": [], "versions": {},
        "held_out": {"rows": 4, "before": figures, "after": {**figures, "nll": 0.5, "generation": 0.9}},
    }  # fmt: skip
    (output / "procy.json").write_text(json.dumps(facts))
    say("done", loss=0.33)
    return 0


if __name__ == "__main__":
    sys.exit(main())
