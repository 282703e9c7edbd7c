"""What leaves procy as spans, read by a receiver that decodes it with OpenTelemetry's own messages."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from procy.cli import cli
from procy.errors import ProcyError
from procy.otlp import post as posting
from procy.otlp.due import Due, Wanted
from procy.otlp.export import send_due
from procy.otlp.memory import Memory
from procy.otlp.post import Post
from procy.otlp.target import target_of
from procy.places import Places
from procy.store import write
from procy.store.db import iso, open_reader
from procy.store.exchanges import put_exchange
from procy.store.forgotten import exports_of
from tests.ui.sample import NOW, call, make_home, places_in, say, turn, writing

from .collector import Collector, attributes

SESSION, CHILD = "01SESSION0000000000000000A", "01SESSION0000000000000000B"
TOKEN = "sk-ant-api03-" + "a1B2" * 20


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A home with the sample, and a session that has ended: a turn, two calls of tools, an exchange, and a sub-agent below."""
    places = make_home(tmp_path_factory.mktemp("home"))
    values = {"agent": "claude-code", "agent_session_id": "conversation", "cwd": "/home/user/tool", "repo": "/home/user/tool",
              "branch": "main", "git_head": "ab" * 20, "started_at": iso(NOW), "ended_at": iso(NOW + 90 * 10**9),
              "status": "ended", "pane_id": "%1", "name": "a secret plan"}  # fmt: skip
    calls = (call(1, "Bash", command="make deploy"), call(2, "Read", "Error: not there"))
    times = {"started_ns": NOW + 10**9, "ended_ns": NOW + 9 * 10**9, "agent_session_id": "conversation"}
    one = replace(turn(1, f"Use {TOKEN} to deploy", "Deployed."), tool_calls=calls, key="one", **times)
    sub = replace(turn(2, "look", "found"), key="sub", started_ns=NOW + 3 * 10**9, ended_ns=NOW + 4 * 10**9)
    below = {"agent": "claude-code", "parent_id": SESSION, "started_at": iso(NOW + 3 * 10**9),
             "ended_at": iso(NOW + 5 * 10**9), "status": "ended"}  # fmt: skip
    with writing(places) as connection:
        write.put_session(connection, SESSION, values)
        write.put_turn(connection, SESSION, one, mask=str, cost=0.25)
        put_exchange(connection, "01EXCHANGE000000000000000A", {
            "service": "claude", "session_id": SESSION, "method": "POST", "path": "/v1/messages", "wire": "anthropic-messages",
            "model": "claude-opus-5-5", "status": 529, "outcome": "upstream_error", "error": "overloaded", "upstream": "a",
            "started_at": iso(NOW + 2 * 10**9), "duration_ms": 1500.5, "first_byte_ms": 250.0, "input_tokens": 5,
        })  # fmt: skip
        write.put_session(connection, CHILD, below)
        write.put_turn(connection, CHILD, sub, mask=str, cost=None)
    return Path(places.home)


@pytest.fixture
def places(filled, tmp_path, monkeypatch) -> Places:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    return places_in(shutil.copytree(filled, tmp_path / "home"))


def export(places: Places, collector: Collector, *arguments: str) -> Result:
    words = ["export", "otlp", "--endpoint", collector.url, "--db", places.db, *arguments]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_every_row_is_a_span_below_the_one_that_it_belongs_to(places, collector):
    export(places, collector, "--session", SESSION)
    (outer, inner) = sorted(collector.named("session"), key=lambda span: span.start_time_unix_nano)
    (first, sub) = sorted(collector.named("invoke_agent"), key=lambda span: span.start_time_unix_nano)
    (chat,) = collector.named("chat")
    assert len({span.trace_id for span in collector.spans().values()}) == 1
    assert not outer.parent_span_id
    assert first.parent_span_id == outer.span_id
    assert inner.parent_span_id == first.span_id
    assert sub.parent_span_id == inner.span_id
    assert {span.parent_span_id for span in [*collector.named("execute_tool"), chat]} == {first.span_id}
    assert (first.start_time_unix_nano, first.end_time_unix_nano) == (NOW + 10**9, NOW + 9 * 10**9)
    assert chat.end_time_unix_nano - chat.start_time_unix_nano == 1_500_500_000


def test_names_are_those_of_the_conventions(places, collector):
    export(places, collector, "--session", SESSION)
    first = min(collector.named("invoke_agent"), key=lambda span: span.start_time_unix_nano)
    told = attributes(first)
    assert first.name == "invoke_agent claude-code"
    assert told["gen_ai.operation.name"] == "invoke_agent"
    assert told["gen_ai.provider.name"] == "anthropic"
    assert told["gen_ai.conversation.id"] == "conversation"
    assert told["gen_ai.request.model"] == "claude-opus-5-5"
    assert told["gen_ai.usage.input_tokens"] == 1201 + 48_200
    assert told["gen_ai.usage.cache_read.input_tokens"] == 48_200
    assert told["gen_ai.usage.output_tokens"] == 840
    (failed,) = (span for span in collector.named("execute_tool") if span.name == "execute_tool Read")
    assert attributes(failed)["gen_ai.tool.name"] == "Read"
    assert attributes(failed)["error.type"] == "tool_error" and failed.status.code == 2
    (chat,) = collector.named("chat claude-opus-5-5")
    assert attributes(chat)["error.type"] == "529" and chat.kind == chat.SPAN_KIND_CLIENT
    assert attributes(chat)["gen_ai.response.time_to_first_chunk"] == 0.25
    resource = attributes(collector.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "procy"
    assert resource["vcs.repository.name"] == "tool" and resource["vcs.ref.head.name"] == "main"


def test_nothing_that_was_said_leaves_unless_it_is_wanted(places, collector):
    export(places, collector, "--session", SESSION)
    sent = b"".join(collector.bodies)
    assert not [word for word in (b"deploy", b"Deployed", b"secret plan", b"not there", b"overloaded") if word in sent]


def exported(places: Places) -> list[tuple[str, str | None]]:
    """What ``procy forget`` would name."""
    with open_reader(places.db) as connection:
        (turn,) = connection.execute("SELECT id FROM turns WHERE session_id = ?", (SESSION,)).fetchone()
        return [(row[0], row[1]) for row in exports_of(connection, [SESSION], turn)]


def test_what_was_told_in_words_is_noted_once_for_forget(places, collector):
    export(places, collector, "--session", SESSION)
    assert exported(places) == []
    for _ in range(2):
        export(places, collector, "--session", SESSION, "--content", "--header", "authorization=x")
    assert exported(places) == [("otlp", f"{collector.url}/v1/traces")]
    done = CliRunner().invoke(cli, ["forget", "--db", places.db, "--yes", f"{SESSION}:1"], catch_exceptions=False)
    assert f"{collector.url}/v1/traces  (otlp" in done.output


def test_content_goes_without_keys(places, collector):
    export(places, collector, "--session", SESSION, "--content")
    told = attributes(min(collector.named("invoke_agent"), key=lambda span: span.start_time_unix_nano))
    (part,) = json.loads(told["gen_ai.input.messages"])[0]["parts"]
    assert part["content"].endswith("to deploy") and TOKEN not in part["content"]
    assert json.loads(told["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Deployed."
    assert TOKEN.encode() not in b"".join(collector.bodies)
    (bash,) = collector.named("execute_tool Bash")
    assert json.loads(attributes(bash)["gen_ai.tool.call.arguments"]) == {"command": "make deploy"}


def test_json_and_protobuf_say_the_same_and_again(places, collector):
    export(places, collector, "--session", SESSION)
    export(places, collector, "--session", SESSION, "--protocol", "http/json")
    half = len(collector.requests) // 2
    assert [one.SerializeToString(deterministic=True) for one in collector.requests[:half]] == [
        one.SerializeToString(deterministic=True) for one in collector.requests[half:]
    ]
    assert collector.headers[-1]["content-type"] == "application/json"
    assert b'"traceId":"' in collector.bodies[-1]
    assert {one["content-encoding"] for one in collector.headers} == {"gzip"}


def test_environment_names_the_collector_and_the_resource(places, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x,a=b")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "agents")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=lab,team=a%20b")
    done = CliRunner().invoke(cli, ["export", "otlp", "--db", places.db, "--header", "x-key=1"], catch_exceptions=False)
    assert done.exit_code == 0
    headers = collector.headers[0]
    assert (headers["authorization"], headers["a"], headers["x-key"]) == ("Bearer x", "b", "1")
    assert "content-encoding" not in headers
    resource = attributes(collector.requests[0].resource_spans[0].resource)
    assert (resource["service.name"], resource["team"]) == ("agents", "a b")


def test_addresses_and_options_that_cannot_be_meant_are_refused():
    assert target_of({}).url == "http://localhost:4318/v1/traces"
    assert target_of({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://you:pass@x/in"}).endpoint == "https://x/in"
    assert target_of({}, "http://x:1/v1/traces").url == "http://x:1/v1/traces"
    for wrong in ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}):
        with pytest.raises(ProcyError):
            target_of(wrong)
    for arguments in (("ftp://x",), ("http://x", ["novalue"])):
        with pytest.raises(ProcyError):
            target_of({}, *arguments)


# -- following ----------------------------------------------------------------------------------------------------------


class Follower:
    """What ``--follow`` does, one look at a time."""

    def __init__(self, places: Places, url: str) -> None:
        self.said: list[str] = []
        self.slept: list[float] = []
        target = target_of({}, url)
        self.memory = Memory(places, target.endpoint)
        self.due = Due(open_reader(places.db), self.memory, Wanted(new=True))
        self.post = Post(target, self.said.append, self.slept.append, patient=True)

    def look(self) -> int:
        return sum(send_due(self.due, self.memory, self.post).values())


def test_following_sends_each_row_once_for_each_endpoint(places, collector):
    follower = Follower(places, collector.url)
    first = follower.look()
    assert first == len(collector.ids()) == len(set(collector.ids())) > 10
    assert follower.look() == 0
    say(places, SESSION, 20, "more", ended_ns=NOW + 99 * 10**9)
    say(places, SESSION, 21, "not finished", status="open", ended_ns=None)
    assert follower.look() == 1
    assert Follower(places, collector.url).look() == 0  # started again
    other = Collector()
    assert Follower(places, other.url).look() == first + 1
    other.close()


def test_a_collector_that_is_down_is_waited_for_and_told_of_once(places, collector):
    collector.answers = [(503, b"", {"retry-after": "7"}), (502, b"", {}), (429, b"", {})]
    follower = Follower(places, collector.url)
    assert follower.look() > 10
    assert [text.split("/v1/traces ")[1] for text in follower.said] == [
        "answers 503; trying again until it is back",
        "is back",
    ]
    assert len(follower.slept) == 3 and 5 < follower.slept[0] < 9


def test_what_was_not_confirmed_is_sent_again(places, collector):
    collector.answers = [(401, b"", {})]
    follower = Follower(places, collector.url)
    with pytest.raises(ProcyError, match="answers 401"):
        follower.look()
    assert follower.look() == len(collector.ids()) > 10


def test_nobody_there_is_an_error_without_follow(places, monkeypatch, capsys):
    monkeypatch.setattr(posting, "FIRST_S", 0.001)
    from procy.cli import main

    assert main(["export", "otlp", "--endpoint", "http://127.0.0.1:9", "--db", places.db]) == 1
    error = capsys.readouterr().err
    assert "127.0.0.1:9/v1/traces cannot be reached" in error and "Start the collector" in error


def test_too_much_at_once_is_divided_and_a_refused_span_is_counted(places, collector):
    collector.answers = [(413, b"", {})]
    follower = Follower(places, collector.url)
    assert follower.look() == len(set(collector.ids()))
    partial = b"\n\x07\x08\x02\x12\x03bad"  # partial_success: 2 rejected, "bad"
    collector.answers = [(200, partial, {})]
    say(places, SESSION, 20, "more", ended_ns=NOW + 99 * 10**9)
    follower.look()
    assert follower.post.refused == 2 and follower.said == ["the collector refuses spans: bad"]


def test_a_missing_library_is_named(monkeypatch):
    import importlib
    import sys

    from procy.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1.trace_service_pb2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'procy\[otlp\]'"):
        importlib.reload(sys.modules["procy.otlp.encode"])
