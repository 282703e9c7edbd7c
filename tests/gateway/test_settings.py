import pytest

from procy.errors import ConfigError
from procy.parse.wire import translate
from procy.settings import read_settings
from procy.settings.upstreams import QUIRKS, KeySource

UP = {"service": "claude", "base_url": "https://api.example.com/v1"}


def wrong(**found) -> str:
    with pytest.raises(ConfigError) as error:
        read_settings(found, "config.toml")
    return str(error.value)


def up(**more) -> dict:
    return {"a": {**UP, **more}}


def test_an_upstream_has_the_wire_of_its_service_and_a_key_goes_where_the_wire_has_it() -> None:
    found = read_settings({"upstreams": {
        "a": {**UP, "key": {"env": "A"}},
        "b": {**UP, "service": "codex", "key": {"keyring": "clp/me"}},
        "c": {**UP, "service": "openai"},
    }}, "config.toml").upstreams  # fmt: skip
    assert [(one.wire, one.auth) for one in found.values()] == [
        ("anthropic-messages", "x-api-key"), ("openai-responses", "bearer"), ("openai-chat", "passthrough")]  # fmt: skip
    assert found["b"].key == KeySource("keyring", "clp/me")
    assert list(found) == ["a", "b", "c"], "the order of the file is the order of the pool"


def test_balance_is_said_for_all_or_by_service() -> None:
    for said, wanted in (("weighted", ["weighted"] * 3), ({"codex": "priority"}, ["active", "priority", "active"])):
        found = read_settings({"gateway": {"balance": said}}, "c").gateway
        assert [found.balance[one] for one in ("claude", "codex", "openai")] == wanted


def test_wrong_tables_name_key_and_remedy() -> None:
    assert "upstreams.a has no service. Add service" in wrong(upstreams={"a": {"base_url": "http://h"}})
    assert "is no name for an upstream" in wrong(upstreams={"a/b": UP})
    assert "more than one upstream of claude is active: a, b" in wrong(
        upstreams={"a": {**UP, "active": True}, "b": {**UP, "active": True}}
    )
    assert "names 2 places" in wrong(upstreams=up(key={"env": "A", "file": "b"}))
    assert "upstreams.a.auth needs a key" in wrong(upstreams=up(auth="bearer"))
    assert "lets the client's pass" in wrong(upstreams=up(auth="passthrough", key={"env": "A"}))
    assert 'needs profile = "custom"' in wrong(upstreams=up(headers={"set": {"a": "b"}}))
    assert "is set by the gateway itself" in wrong(upstreams=up(headers={"profile": "custom", "set": {"Authorization": "b"}}))
    assert "characters that no header has" in wrong(upstreams=up(headers={"profile": "custom", "set": {"x": "a\r\nb: c"}}))
    assert "quirks = 'x' is none of no-stream-with-tools," in wrong(upstreams=up(quirks=["x"]))
    assert "the ports 3210, 3210, 3212 cannot be" in wrong(gateway={"codex_port": 3210})
    assert "none of active, priority, weighted, round-robin" in wrong(gateway={"balance": "weight"})
    assert "says not what from" in wrong(gateway={"routes": [{"to_model": "x"}]})
    assert "a filter of gateway.filters finds nothing" in wrong(gateway={"filters": [{"find": ""}]})
    assert "names the upstream 'no', which is not there" in wrong(gateway={"routes": [{"model": "*", "to_upstream": "no"}]})


def test_who_the_client_is_may_be_set_only_where_the_user_says_it_is_permitted_and_never_at_the_makers_of_agents() -> None:
    custom = {"profile": "custom", "set": {"User-Agent": "mine/1"}}
    assert "I am permitted to do this on api.example.com" in wrong(upstreams=up(headers=custom))
    allowed = {**custom, "acknowledge": "I am permitted to do this on api.example.com"}
    found = read_settings({"upstreams": up(headers=allowed)}, "c").upstreams["a"].headers
    assert dict(found.set) == {"user-agent": "mine/1"}
    first = up(headers={**custom, "acknowledge": "I am permitted to do this on api.anthropic.com"})
    first["a"]["base_url"] = "https://api.anthropic.com"
    assert "stays as the client says" in wrong(upstreams=first)


def test_the_quirks_of_the_settings_are_those_of_the_translation() -> None:
    assert set(QUIRKS) == set(translate.QUIRKS)
