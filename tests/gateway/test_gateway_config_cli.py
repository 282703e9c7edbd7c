"""The commands that steer, against a gateway that runs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from procy.cli.gateway import gateway_command
from tests.conftest import wait_until
from tests.gateway.lab import Upstream, reply
from tests.gateway.test_steered import ANSWER, POOL, Steerable, answering, table


@pytest.fixture
def pair() -> Iterator[tuple[Upstream, Upstream]]:
    found = (Upstream(answering()), Upstream(answering()))
    yield found
    for one in found:
        one.close()


@pytest.fixture
def procy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("PROCY_HOME", str(tmp_path))
    monkeypatch.setenv("PROCY_CONFIG", str(tmp_path / "config.toml"))

    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(gateway_command, arguments, standalone_mode=False)
        assert (result.exit_code or result.return_value or 0) == status, result.output + repr(result.exception)
        return result.stdout

    return run


def test_use_switches_a_running_gateway(tmp_path: Path, pair, procy) -> None:
    first, second = pair
    with Steerable(tmp_path, "# mine\n" + table("a", first) + table("b", second)) as lab:
        assert lab.post({"model": "m"})[0] == 200 and first.heard
        procy("use", "b")
        wait_until(lambda: lab.post({"model": "m"})[0] == 200 and second.heard, what="the switch")
        assert lab.steered.active("claude") == "b"
        procy("rename", "b", "better")
        wait_until(lambda: lab.steered.active("claude") == "better", what="the new name")
        rows = {row["name"]: row for row in json.loads(procy("list", "claude", "--json"))}
        assert (rows["a"]["used"], rows["better"]["used"]) == (False, True)
        assert [(one["before"], one["after"]) for one in json.loads(procy("switches", "--json"))] == [("a", "better")]
        assert procy("active", "claude") == "better\n"
        procy("active", "claude", "a")
        assert procy("active", "claude") == "a\n"
        procy("active", "codex", "a", status=1)
        procy("use", "nobody", status=1)
        assert Path(lab.places.config).read_text().startswith("# mine\n")


def test_reset_and_disable_are_taken_over_by_a_running_gateway(tmp_path: Path, pair, procy) -> None:
    first, second = pair
    first.script = lambda heard, sock: sock.sendall(reply(b"{}", "500 No"))
    with Steerable(tmp_path, POOL + table("a", first) + table("b", second)) as lab:
        lab.post({}), lab.post({})
        assert {row["name"]: row["state"] for row in json.loads(procy("list", "--json"))} == {"a": "resting", "b": "ready"}
        procy("reset", "a")
        procy("disable", "b")
        assert (lab.state("a"), lab.state("b")) == ("ready", "disabled")
        assert lab.post({})[0] == 500, "only a is left"
        procy("reset")
        assert lab.post({})[::2] == (200, ANSWER)
        procy("disable", "nobody", status=1)


def test_explain_says_which_rule_and_why_not_the_others(tmp_path: Path, procy) -> None:
    rules = (
        '[gateway]\nbalance = "priority"\nroutes = [{service = "codex", model = "x", to_model = "y"},'
        ' {model = "a*", to_upstream = "b"},'
        ' {model = "*", to_model = "z"}]\nfilters = [{find = "(", regex = true, upstreams = ["b"]}]\n'
    )
    Path(tmp_path / "config.toml").write_text(
        rules + table("a", "http://h") + table("b", "http://i", 'rpm = 5\nkey = {env = "NOT_THERE"}')
    )
    found = json.loads(procy("explain", "a1", "--json"))
    assert [one["result"] for one in found["routes"]] == [
        "service is claude, not codex", "matches", "would match, but route 2 comes first"]  # fmt: skip
    [attempt] = found["attempts"]
    assert (attempt["upstream"], attempt["model"]) == ("b", "a1")
    assert attempt["why"] == "route 2: model a* → upstream b"
    assert "env NOT_THERE has no key" in attempt["key"] and "at most 5 calls a minute" in attempt["changes"]
    assert found["refused"][0].startswith("filter 1 is broken")
    words = procy("explain", "other")
    assert "1. a gets z: priority: place 1 of 2" in words and "its bytes pass as they are" in words
    assert "there is no upstream for openai" in procy("explain", "m", "--service", "openai")


def test_upstreams_are_added_set_and_deleted(tmp_path: Path, procy) -> None:
    procy("add", "a", "--service", "claude", "--base-url", "https://a.example.com", "--key-env", "A", "--use")
    procy("set", "a", "priority", "2")
    [row] = json.loads(procy("list", "--json"))
    assert (row["name"], row["active"], row["priority"], row["key"], row["auth"]) == ("a", True, 2, "env A", "x-api-key")
    procy("set", "a", "wire", "nonsense", status=1)
    procy("delete", "a", "--yes")
    assert json.loads(procy("list", "--json")) == []


def test_an_upstream_is_asked_whether_it_answers(tmp_path: Path, pair, procy, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair
    monkeypatch.setenv("A", "s3cret-key-of-a")
    second.script = lambda heard, sock: sock.sendall(reply(b"no, s3cret-key-of-a is wrong", "401 No"))
    more = 'key = {env = "A"}\nheaders = {profile = "custom", set = {x-team = "t"}}'
    (tmp_path / "config.toml").write_text(table("a", first, more) + table("b", second, more) + table("c", "http://127.0.0.1:9"))
    found = json.loads(procy("test", "a", "--json"))
    assert (found["status"], first.heard[0].line) == (200, "GET /v1/models HTTP/1.1")
    assert (first.heard[0].header("x-api-key"), first.heard[0].header("x-team")) == ("s3cret-key-of-a", "t")
    procy("test", "a", "--model", "m")
    assert json.loads(first.heard[1].body)["model"] == "m" and first.heard[1].line.startswith("POST /v1/messages")
    assert "s3cret" not in procy("test", "b", status=1)
    assert "no answer" in procy("test", "c", status=1)
    procy("test", "nobody", status=1)
