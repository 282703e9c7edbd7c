"""What comes from npm is pinned, named and untouched."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from procy.ui import vendor
from procy.ui.assets import PLAYER, Assets, plugins_folder
from procy.ui.pages import pages_of

from .conftest import Site

ROOT = Path(__file__).resolve().parents[2]
STATIC = plugins_folder() / "static"


def test_versions_are_pinned_exactly() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert set(wanted) == set(vendor.FILES)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version and locked[f"node_modules/{name}"]["integrity"]


def test_the_lock_file_names_no_host() -> None:
    text = (ROOT / "package-lock.json").read_text()
    assert "://" not in text and "resolved" not in text


def test_no_page_names_another_host() -> None:
    for path in [*(plugins_folder() / "templates").iterdir(), *STATIC.glob("*.*")]:
        found = re.findall(r"https?://[^\s\"'<>]+", path.read_text())
        assert all(one.startswith("http://www.w3.org/") for one in found), path


@pytest.mark.skipif(not Assets(STATIC).player(), reason="the player was not fetched: make setup")
def test_what_was_copied_is_what_is_served() -> None:
    manifest = json.loads((STATIC / "vendor" / "manifest.json").read_text())
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    for package, facts in manifest.items():
        assert facts["version"] == wanted[package]
        for name, digest in facts["sha256"].items():
            assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
    assert {Path(name).name for name in PLAYER} <= set(manifest["asciinema-player"]["sha256"])


def test_copying_needs_the_packages(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        vendor.copy(tmp_path)


def test_what_pages_load_is_kept_for_ever_until_it_changes(site: Site, tmp_path: Path) -> None:
    pages = pages_of(site.datasette)
    shutil.copytree(pages.assets.folder, tmp_path / "static", ignore=shutil.ignore_patterns("vendor"))
    pages.assets = Assets(tmp_path / "static")
    before = pages.assets.url(pages.root, "procy.js")
    assert before in site.text("/-/procy") and "immutable" in site.ask(before).headers["cache-control"]
    (tmp_path / "static" / "dom.js").write_text("export const changed = true;")  # procy.js loads it by a name beside its own
    pages.assets = Assets(tmp_path / "static")
    after = pages.assets.url(pages.root, "procy.js")
    assert after != before and "immutable" not in site.ask(before).headers.get("cache-control", "")
    assert site.ask(before).status_code == 200
