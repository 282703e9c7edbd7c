import base64
import json
import os
from pathlib import Path

import pytest

from procy.errors import ConfigError
from procy.gateway.balance import today_of
from procy.gateway.filters import compile_filters, filtered
from procy.gateway.import_clp import import_clp
from procy.gateway.keys import find_key
from procy.gateway.state import StateFile
from procy.places import Places
from procy.settings import load_settings
from procy.store.db import open_reader
from procy.store.exchanges import read_body

KEY = "sk-the-key-of-the-firm"
CLP = {
    "claude.json": {
        "prod": {"base_url": "https://a.example.com", "auth_token": KEY, "api_key": KEY, "weight": 5, "active": False},
        "my dev": {"base_url": "https://b.example.com/v1", "auth_token": "t2", "active": True, "rpm_limit": 30},
        "empty": {},
    },
    "codex.json": {"prod": {"base_url": "https://c.example.com/v1", "api_key": "k3", "requests_per_minute": 10}},
    "legacy.json": {"old": {"base_url": "https://d.example.com/v1", "auth_token": "k4", "tool_calls_streaming": False}},
    "filter.json": [
        {"source": "hunter2", "target": "[…]", "op": "replace"},
        {"source": r"sk-\w+", "op": "remove"},
        {"source": "p@ss(word", "target": "x", "op": "replace"},
        {"op": "replace"},
    ],
    "data/model_router_config.json": {
        "mode": "model-mapping",
        "modelMappings": {
            "codex": [{"source": "gpt-5-codex", "source_type": "model", "target": "gpt-5-codes"},
                      {"source": "prod", "source_type": "config", "target": "gpt-x"},
                      {"source": "nobody", "source_type": "config", "target": "gpt-x"}],
        },
        "configMappings": {"claude": [{"model": "claude-haiku", "config": "prod"}]},
    },
    "data/lb_config.json": {
        "mode": "weight-based",
        "services": {"claude": {"failureThreshold": 4, "autoResetMinutes": 10, "currentFailures": {"prod": 3},
                                "manualDisabledUntil": {"my dev": "TODAY"}}},
    },
    "data/system.json": {
        "logLimit": 30,
        "codexDefaults": {"reasoningEffortByModel": {"gpt-5": "high", "gpt-5-codex": "auto"},
                          "verbosityByModel": {"gpt-5": "low"}, "summaryByModel": {"gpt-5": "off"}},
    },
    "data/history_usage.json": {
        "claude": {"prod": {"input": 100, "cached_create": 5, "cached_read": 50, "output": 20, "reasoning": 0, "total": 120}},
        "codex": {"prod": {"input": 100, "cached_read": 40, "output": 20, "reasoning": 8, "total": 120}, "none": {"input": 0}},
    },
}  # fmt: skip


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


CALL = {
    "timestamp": "2025-10-25T10:20:30", "service": "claude", "method": "POST", "path": "https://b.example.com/v1/messages?beta=true",
    "status_code": 200, "duration_ms": 1500, "channel": "my dev", "target_headers": {"x-api-key": KEY},
    "original_body": encoded({"model": "claude-x", "messages": [{"role": "user", "content": f"hello, my key is {KEY}"}]}),
    "filtered_body": encoded({"model": "claude-y"}), "response_content": encoded({"content": "hi"}), "response_bytes": 5000,
    "usage": {"service": "claude", "metrics": {"input": 7, "cached_create": 1, "cached_read": 2, "output": 3, "total": 10},
              "raw": {"input_tokens": 7}},
}  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        str(tmp_path / "home"), str(tmp_path / "home/procy.db"), str(tmp_path / "home/spool"), str(tmp_path / "config.toml")
    )


@pytest.fixture
def clp(tmp_path: Path) -> Path:
    root = tmp_path / "clp"
    (root / "data").mkdir(parents=True)
    for name, value in CLP.items():
        (root / name).write_text(json.dumps(value).replace("TODAY", today_of(os.stat(root).st_mtime)))
    log = [CALL, {**CALL, "status_code": 500, "timestamp": "2025-10-25T10:20:31", "usage": None}]
    (root / "data/proxy_requests.jsonl").write_text("\n".join(map(json.dumps, log)) + "\n\x00\x00{broken\n")
    return root


def test_settings_keys_rules_and_state_are_taken_over(clp: Path, places: Places) -> None:
    report = import_clp(str(clp), places)
    settings = load_settings(places)
    found = settings.upstreams
    assert list(found) == ["prod", "my-dev", "prod-codex", "old"] == report.upstreams
    assert [(one.service, one.active, one.priority, one.auth) for one in found.values()] == [
        ("claude", False, 1, "both"), ("claude", True, 2, "bearer"), ("codex", True, 1, "x-api-key"),
        ("openai", True, 1, "bearer")]  # fmt: skip
    assert (found["my-dev"].rpm, found["prod-codex"].rpm, found["old"].quirks) == (30, 10, ("no-stream-with-tools",))
    assert found["prod"].key and find_key(found["prod"].key, {}).value == KEY
    gateway = settings.gateway
    assert [(one.service, one.model, one.upstream, one.to_model) for one in gateway.routes] == [
        ("codex", "gpt-5-codex", "", "gpt-5-codes"), ("codex", "", "prod-codex", "gpt-x")]  # fmt: skip
    assert (gateway.balance["claude"], gateway.failures, gateway.cool_down_s) == ("priority", 4, 600)
    assert [(one.pattern, one.effort, one.verbosity, one.summary) for one in gateway.models] == [("gpt-5", "high", "low", "")]
    rules = compile_filters(gateway.filters)
    assert not rules.broken
    body = b'["hunter2 sk-abc p@ss(word"]'
    assert json.loads(filtered(rules.rules, body, ()).body) == ["[…]  x"]
    assert StateFile(places).read().health["my-dev"].disabled_on
    told = "\n".join(report.notes)
    for words in (
        "empty has no base_url",
        "not in force",
        "claude-haiku",
        "filter 2 is a regular expression",
        "names what is not there",
    ):
        assert words in told
    assert KEY not in told + Path(places.config).read_text() + repr(report)


def test_calls_and_sums_are_rows_and_keys_are_nowhere(clp: Path, places: Places) -> None:
    report = import_clp(str(clp), places)
    assert (report.calls, report.sums) == (2, 2) and "1 lines of proxy_requests.jsonl cannot be read" in report.notes
    connection = open_reader(places.db)
    rows = [dict(row) for row in connection.execute("SELECT * FROM exchanges ORDER BY started_at")]
    first, failed, *sums = rows
    assert (first["upstream"], first["model"], first["status"], first["outcome"], first["path"]) == (
        "my-dev", "claude-x", 200, "ok", "/v1/messages")  # fmt: skip
    assert (first["input_tokens"], first["cache_write_tokens"], first["cache_read_tokens"], first["output_tokens"]) == (
        7,
        1,
        2,
        3,
    )
    assert (failed["outcome"], failed["response_bytes"]) == ("upstream_error", 5000)
    assert {(one["upstream"], one["input_tokens"], one["cache_read_tokens"], one["reasoning_tokens"]) for one in sums} == {
        ("prod", 100, 50, 0), ("prod-codex", 60, 40, 8)}  # fmt: skip
    request = read_body(connection, first["id"], "request") or b""
    assert b"hello, my key is [key " in request
    assert read_body(connection, first["id"], "sent") == b'{"model": "claude-y"}'
    connection.close()
    assert KEY.encode() not in Path(places.db).read_bytes()


def test_importing_again_changes_nothing_and_keeps_what_was_changed_here(clp: Path, places: Places) -> None:
    import_clp(str(clp), places)
    text = Path(places.config).read_text().replace("failures = 4", "failures = 2")
    Path(places.config).write_text("# mine\n" + text)
    again = import_clp(str(clp), places)
    assert again.upstreams == [] and (again.routes, again.filters, again.models) == (0, 0, 0)
    assert Path(places.config).read_text() == "# mine\n" + text
    with open_reader(places.db) as connection:
        assert connection.execute("SELECT count(*) FROM exchanges").fetchone()[0] == 4
    connection.close()


def test_nothing_and_nonsense_are_told_and_change_nothing(tmp_path: Path, clp: Path, places: Places) -> None:
    with pytest.raises(ConfigError, match="has nothing of CLP's"):
        import_clp(str(tmp_path / "no"), places)
    (clp / "codex.json").write_text("{broken")
    with pytest.raises(ConfigError, match=r"cannot read .*codex.json"):
        import_clp(str(clp), places)
    assert not Path(places.config).exists() and not Path(places.home).exists()
