"""Copy what the pages use of npm's packages to where they are served from: ``python -m procy.ui.vendor``, after ``npm ci``.

Only the files in ``FILES`` are taken. ``manifest.json`` beside them says from which version each is, and its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

FILES = {
    "asciinema-player": {
        "dist/bundle/asciinema-player.min.js": "asciinema-player.min.js",
        "dist/bundle/asciinema-player.css": "asciinema-player.css",
        "LICENSE": "asciinema-player.LICENSE",
    },
}


def copy(repository: Path) -> dict[str, dict[str, object]]:
    """Fill ``static/vendor``; returns the manifest. Raises FileNotFoundError where npm has not installed a package."""
    target = repository / "datasette_plugins" / "static" / "vendor"
    target.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, dict[str, object]] = {}
    for package, files in FILES.items():
        source = repository / "node_modules" / package
        hashes = {}
        for path, name in files.items():
            shutil.copyfile(source / path, target / name)
            hashes[name] = hashlib.sha256((target / name).read_bytes()).hexdigest()
        version = json.loads((source / "package.json").read_text(encoding="utf-8"))["version"]
        manifest[package] = {"version": version, "sha256": hashes}
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def main() -> int:
    repository = Path(__file__).resolve().parents[2]
    try:
        manifest = copy(repository)
    except FileNotFoundError as error:
        print(
            f"procy: {error.filename} is missing. Run npm ci first; until then the pages show terminals as text", file=sys.stderr
        )
        return 1
    for package, facts in manifest.items():
        print(f"{package} {facts['version']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
