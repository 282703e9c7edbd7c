from procy.gateway.routes import misses, route, words
from procy.settings.gateway import RouteSettings


def test_the_first_rule_that_matches_counts_and_says_why() -> None:
    rules = [
        RouteSettings(service="codex", model="gpt-5-codex", to_model="gpt-5-codes"),
        RouteSettings(model="*haiku*", to_upstreams=("cheap", "slow")),
        RouteSettings(upstream="cheap", to_model="small"),
        RouteSettings(model="*haiku*", to_model="never"),
    ]
    found = route(rules, "codex", "gpt-5-codex", "a")
    assert (found.number, found.model, found.upstreams) == (1, "gpt-5-codes", ())
    assert found.why == "route 1: service codex, model gpt-5-codex → model gpt-5-codes"
    found = route(rules, "claude", "claude-haiku-4", "cheap")
    assert (found.number, found.model, found.upstreams) == (2, None, ("cheap", "slow"))
    assert "upstream cheap, then slow" in found.why
    assert route(rules, "claude", "opus", "cheap").model == "small"
    assert route(rules, "openai", "gpt-5-codex", "a").number == 0, "another service"
    assert route(rules, "claude", "", "a").why == "no route matches", "a call that names no model"
    assert misses(rules[0], "codex", "gpt-5", "a") == "model is gpt-5, not gpt-5-codex"


def test_a_name_with_the_characters_of_a_glob_matches_itself() -> None:
    rule = RouteSettings(model="my[1m]", to_model="x")
    assert route([rule], "claude", "my[1m]", "a").number == 1
    assert route([rule], "claude", "MY1", "a").number == 0, "case counts"
    assert words(rule) == "model my[1m] → model x"
