import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.gateway.filters import compile_filters, filtered
from procy.settings.gateway import FilterSettings


def run(body: bytes, *settings: FilterSettings, headers=(), spared=()):
    found = compile_filters(settings)
    assert not found.broken
    return filtered(found.rules, body, headers, spared)


def hide(find: str, replace: str = "[…]", **more) -> FilterSettings:
    return FilterSettings(find, replace, **more)


def test_a_literal_is_literal_and_only_its_string_changes() -> None:
    body = b'{"a": "p@ss(word)+1 skXlive",\n  "b" : [1.50, "x\\u00e9"]}'
    found = run(body, hide("p@ss(word)+1"), hide("sk.live"))
    assert found.body == '{"a": "[…] skXlive",\n  "b" : [1.50, "x\\u00e9"]}'.encode()
    assert found.counts == {1: 1}
    assert run(body, hide("nothing")).body is not None and run(body, hide("nothing")).body == body


@pytest.mark.parametrize(
    "written", ['"two\\nlines \\"q\\" é"', '"two\\u000alines \\u0022q\\u0022 \\u00e9"', '"tw\\u006f\\nlines \\"q\\" \\u00E9"']
)
def test_a_text_is_found_however_it_is_escaped(written: str) -> None:
    found = run(f'{{"content": {written}}}'.encode(), hide('two\nlines "q" é', "gone"))
    assert json.loads(found.body) == {"content": "gone"}


def test_keys_and_numbers_are_looked_at_too() -> None:
    found = run(b'{"secret-name": 4111111111111111, "n": 12}', hide("secret-"), hide(r"4111\d{12}", "card", regex=True))
    assert json.loads(found.body) == {"[…]name": "card", "n": 12}


def test_a_regex_has_groups_and_does_not_eat_the_rest_of_the_body() -> None:
    found = run(b'{"a":"password=hunter2","b":"c"}', hide(r"(password)=.*", r"\1=…", regex=True))
    assert json.loads(found.body) == {"a": "password=…", "b": "c"}


def test_what_is_not_json_is_filtered_as_it_stands() -> None:
    assert run(b"\xff secret {", hide("secret", "")).body == b"\xff  {"
    assert run(b'{"a": "secret', hide("secret", "x")).body == b'{"a": "x'


def test_a_literal_with_a_quote_is_found_across_the_structure() -> None:
    assert run(b'{"metadata":{"user":"me"},"b":1}', hide('"user":"me"', "")).body == b'{"metadata":{},"b":1}'


def test_headers_are_filtered_but_not_those_that_are_spared() -> None:
    rows = (("x-turn", "branch secret"), ("authorization", "Bearer secret"))
    found = run(b"", hide("secret", "–\n"), headers=rows, spared=["authorization"])
    assert found.headers == (("x-turn", "branch ?"), ("authorization", "Bearer secret"))


def test_changes_tell_how_often_and_not_what() -> None:
    found = run(b'["secret", "secret"]', hide("zzz"), hide("secret"))
    assert found.changes() == [{"what": "filter", "name": "2", "from": "2 places", "to": "replaced", "why": "filter 2"}]
    assert "secret" not in repr(compile_filters([hide("secret")])) + repr(hide("secret"))


@pytest.mark.parametrize(("find", "replace"), [("(", ""), ("a", r"\1"), ("a", r"\u"), ("(?P<a", ""), ("a{99999999999}", "")])
def test_a_rule_that_cannot_work_is_told_before_anything_is_sent(find: str, replace: str) -> None:
    found = compile_filters([hide("fine"), FilterSettings(find, replace, True, ("b",))])
    assert [one.number for one in found.broken] == [2] and [one.number for one in found.rules] == [1]
    assert found.broken_for("b") and not found.broken_for("a")


def test_rules_are_for_all_upstreams_or_for_some() -> None:
    found = compile_filters([hide("a"), hide("b", upstreams=("x",))])
    assert [[rule.number for rule in found.for_upstream(name)] for name in ("x", "y")] == [[1, 2], [1]]


def test_what_was_seen_clean_under_some_rules_is_looked_at_under_others() -> None:
    found = compile_filters([hide("a1", regex=True, upstreams=("x",)), hide("b2", regex=True)])
    for _ in range(2):
        for name, wanted in (("y", ["a1", "[…]", "c"]), ("x", ["[…]", "[…]", "c"])):
            body = filtered(found.for_upstream(name), b'["a1", "b2", "c"]', (), seen=found.seen).body
            assert json.loads(body) == wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(JSON, st.booleans())
def test_a_body_stays_json_and_the_secret_is_nowhere_in_it(value, ascii_only: bool) -> None:
    body = json.dumps({"v": value, "s": "a SECRET b"}, ensure_ascii=ascii_only).encode("utf-8", "replace")
    found = json.loads(run(body, hide("SECRET", "x")).body)
    assert found["s"] == "a x b"
    if "SECRET" not in repr(value):
        assert found["v"] == json.loads(body)["v"]
