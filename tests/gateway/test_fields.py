import pytest

from procy.gateway.fields import apply_defaults, apply_fields, compact, defaults_for
from procy.gateway.headers import apply_headers
from procy.settings.upstreams import FieldSettings, HeaderSettings, ModelDefaults


def test_fields_are_dropped_filled_and_defaulted_and_each_change_is_told() -> None:
    body = {"service_tier": "flex", "store": None, "text": {"format": {"type": "json_schema"}}, "stream": None}
    settings = FieldSettings(
        drop=("service_tier", "metadata.user"),
        backfill={"store": False},
        default={"text.verbosity": "low", "stream": True, "a.b": {"c": 1}},
    )
    changes = apply_fields(body, settings, "up")
    assert body == {
        "store": False,
        "stream": None,
        "text": {"format": {"type": "json_schema"}, "verbosity": "low"},
        "a": {"b": {"c": 1}},
    }
    assert [(one["name"], one["from"], one["to"]) for one in changes] == [
        ("service_tier", "flex", None), ("store", None, False), ("text.verbosity", None, "low"),
        ("a.b", None, {"c": 1})]  # fmt: skip
    assert apply_fields(body, settings, "up") == [], "what is there stays"
    body["a"]["b"]["c"] = 2
    assert settings.default["a.b"] == {"c": 1}, "the settings' own value is not the body's"


def test_a_field_under_something_that_is_no_object_is_left_alone() -> None:
    body = {"text": "plain"}
    assert apply_fields(body, FieldSettings(drop=("text.x",), default={"text.verbosity": "low"}), "up") == []
    assert body == {"text": "plain"}


@pytest.mark.parametrize(
    ("wire", "wanted"),
    [
        ("openai-responses", {"reasoning": {"effort": "high", "summary": "auto"}, "text": {"verbosity": "low"}}),
        ("openai-chat", {"reasoning_effort": "high", "verbosity": "low"}),
        ("anthropic-messages", {"output_config": {"effort": "high"}}),
        ("gemini", {}),
    ],
)
def test_defaults_go_where_the_wire_has_them(wire: str, wanted: dict) -> None:
    body: dict = {}
    changes = apply_defaults(body, wire, "m", ModelDefaults("m", "high", "low", "auto"))
    assert body == wanted
    assert all(one["why"] == "default for m" for one in changes)


def test_what_the_client_says_is_not_overwritten() -> None:
    body = {"reasoning": {"effort": "low"}, "text": {"format": {"type": "json_schema"}}}
    apply_defaults(body, "openai-responses", "m", ModelDefaults("m", effort="high"))
    assert body == {"reasoning": {"effort": "low"}, "text": {"format": {"type": "json_schema"}}}


def test_an_effort_that_the_model_does_not_know_becomes_the_nearest_and_is_told() -> None:
    body = {"reasoning": {"effort": "minimal"}}
    [change] = apply_defaults(body, "openai-responses", "gpt-5-codex", ModelDefaults("gpt-5*", verbosity=""))
    assert body["reasoning"]["effort"] == "low"
    assert (change["from"], change["to"], change["why"]) == ("minimal", "low", "gpt-5-codex knows only low, medium, high")
    body = {"reasoning": {"effort": "xhigh"}}
    apply_defaults(body, "openai-responses", "m", ModelDefaults("m", efforts=("low", "medium")))
    assert body["reasoning"]["effort"] == "medium"


def test_the_upstreams_own_table_and_an_exact_name_come_first() -> None:
    glob, exact, own = ModelDefaults("gpt*"), ModelDefaults("gpt-5"), ModelDefaults("*")
    assert defaults_for("gpt-5", [glob, exact]) is exact
    assert defaults_for("gpt-5", [own], [glob, exact]) is own
    assert defaults_for("opus", [glob]) is None


def test_half_a_pair_is_written_as_json_may_have_it() -> None:
    assert compact({"a": "é\ud800"}) == b'{"a":"\\u00e9\\ud800"}'
    assert compact({"a": "é"}) == '{"a":"é"}'.encode()


HEADERS = (
    ("user-agent", "some-client/1"),
    ("accept-encoding", "gzip, br"),
    ("anthropic-beta", "x-1"),
    ("authorization", "Bearer k"),
)


def test_passthrough_changes_nothing_at_all() -> None:
    found, changes = apply_headers(HEADERS, HeaderSettings(), "anthropic-messages", streams=True, has_body=True)
    assert found is HEADERS and changes == []


def test_protocol_gives_what_the_wire_needs_and_says_nothing_of_who_the_client_is() -> None:
    settings = HeaderSettings("protocol", beta=("x-1", "x-2"))
    found, changes = apply_headers(HEADERS, settings, "anthropic-messages", streams=True, has_body=True)
    assert found == (
        ("user-agent", "some-client/1"), ("accept-encoding", "identity"), ("anthropic-beta", "x-1,x-2"),
        ("authorization", "Bearer k"), ("accept", "text/event-stream"),
        ("content-type", "application/json"), ("anthropic-version", "2023-06-01"))  # fmt: skip
    assert {one["name"] for one in changes} == {
        "accept-encoding",
        "anthropic-beta",
        "accept",
        "content-type",
        "anthropic-version",
    }
    found, changes = apply_headers((), settings, "openai-responses", streams=False, has_body=True)
    assert dict(found)["openai-beta"] == "responses=experimental,x-1,x-2"
    assert not {"user-agent", "x-app", "originator"} & set(dict(found))


def test_custom_is_the_users_own_and_every_change_is_a_diff_without_secrets() -> None:
    settings = HeaderSettings("custom", ensure={"accept-encoding": "identity", "x-new": "1"}, set={"x-api-token": "s3cret"},
                              remove=("anthropic-beta", "gone"))  # fmt: skip
    found, changes = apply_headers(
        (*HEADERS, ("x-api-token", "old")), settings, "anthropic-messages", streams=False, has_body=True
    )
    assert dict(found) == {"user-agent": "some-client/1", "accept-encoding": "gzip, br", "authorization": "Bearer k",
                           "x-api-token": "s3cret", "x-new": "1"}  # fmt: skip
    assert [(one["name"], one["from"], one["to"]) for one in changes] == [
        ("anthropic-beta", "x-1", None), ("x-new", None, "1"), ("x-api-token", "…", "…")]  # fmt: skip
