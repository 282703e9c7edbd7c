"""What an export is made of: ``manifest.json`` for programs, and for people ``README.md``, a dataset card.

The card's header names the files, so that ``datasets.load_dataset(FOLDER, "sft")`` reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from procy import __version__
from procy.learn import examples, rows
from procy.learn.examples import Gathering
from procy.learn.export.write import Written

SCHEMA = 1
REASONS = {**rows.REASONS, **examples.REASONS}


def manifest_of(written: Written, gathering: Gathering, filters: Mapping[str, Any], at: str) -> dict[str, Any]:
    files = dict(sorted(written.files.items()))
    used = {reason for count in gathering.dropped.values() for reason in count}
    return {
        "schema": SCHEMA, "procy": __version__, "created_at": at, "files": files,
        "sha256": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        "rows": {method: {split: dict(count) for split, count in splits.items()} for method, splits in written.counts.items()},
        "dropped": {category: dict(count) for category, count in gathering.dropped.items() if count},
        "reasons": {name: words for name, words in REASONS.items() if name in used},
        "groups": sorted(written.groups), "latest": written.latest, "filters": dict(filters),
        "scrubbed": {rule: count for rule, count in gathering.scrubber.found.items() if count},
    }  # fmt: skip


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    (folder / "README.md").write_text(card(manifest), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def card(manifest: Mapping[str, Any]) -> str:
    files: dict[str, list[str]] = defaultdict(list)
    for name in manifest["files"]:
        method, _, file = name.partition("/")
        files[method].append(file.removesuffix(".jsonl"))
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), trim_blocks=True, keep_trailing_newline=True)
    return environment.get_template("card.md.jinja").render({**manifest, "files": files, "categories": rows.CATEGORIES})
