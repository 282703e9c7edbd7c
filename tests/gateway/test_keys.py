import os
import sys
import types
from pathlib import Path

import pytest

from procy.errors import ConfigError
from procy.gateway.keys import KEPT_S, KeyChain, find_key
from procy.settings.upstreams import KeySource


def test_keys_are_found_in_the_environment_and_in_files_that_nobody_else_may_read(tmp_path: Path) -> None:
    found = find_key(KeySource("env", "A"), {"A": " k1\n"})
    assert (found.value, found.name) == ("k1", "env A") and len(found.digest) == 8
    assert "k1" not in repr(found)
    file = tmp_path / "key"
    file.write_text("k2\n")
    os.chmod(file, 0o600)
    assert find_key(KeySource("file", str(file)), {}).value == "k2"
    os.chmod(file, 0o640)
    with pytest.raises(ConfigError, match=r"others may read .* chmod 600"):
        find_key(KeySource("file", str(file)), {})


def test_the_first_line_of_a_command_is_a_key() -> None:
    assert find_key(KeySource("command", "echo $A; echo more"), {**os.environ, "A": "k3"}).value == "k3"


@pytest.mark.parametrize(
    ("kind", "place", "words"),
    [
        ("env", "NO", "env NO has no key. Export it"),
        ("env", "ODD", "has characters that no key has"),
        ("file", "/nowhere/key", "cannot read the key file /nowhere/key"),
        ("command", "echo s3cret; exit 3", "failed with status 3"),
        ("command", "true", "command true has no key"),
    ],
)
def test_a_key_that_is_not_there_is_told_with_its_place_and_never_its_value(kind: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_key(KeySource(kind, place), {"ODD": "a\x01s3cret", "PATH": os.environ["PATH"]})
    assert words in str(error.value)
    assert kind == "command" or "s3cret" not in str(error.value)


def test_the_keyring_is_asked_where_its_package_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="pip install keyring"):
        find_key(KeySource("keyring", "svc/me"), {})
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    ring = types.ModuleType("keyring")
    ring.errors = errors  # type: ignore[attr-defined]
    ring.get_password = lambda service, user: {"a/svc me": "k4"}.get(f"{service} {user}")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert find_key(KeySource("keyring", "a/svc/me"), {}).value == "k4"
    with pytest.raises(ConfigError, match="has no key"):
        find_key(KeySource("keyring", "svc/other"), {})


def test_a_chain_never_waits_for_a_command_and_uses_the_old_key_meanwhile(tmp_path: Path) -> None:
    now, out = [0.0], tmp_path / "out"
    out.write_text("old")
    source = KeySource("command", f"cat {out}")
    chain = KeyChain(os.environ, lambda: now[0])
    with pytest.raises(ConfigError, match="is not there yet"):
        chain.find(source)
    chain._asked[source].join()
    assert chain.find(source).value == "old"
    out.write_text("new")
    assert chain.find(source).value == "old", "fresh enough"
    now[0] = KEPT_S
    assert chain.find(source).value == "old"
    chain._asked[source].join()
    assert chain.find(source).value == "new"
