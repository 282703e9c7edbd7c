import random
from collections import Counter
from email.utils import formatdate

import pytest

from procy.gateway.balance import Pool, health_of, is_failure, rest_of
from procy.settings.gateway import GatewaySettings
from procy.settings.upstreams import UpstreamSettings

SETTINGS = GatewaySettings(failures=3, cool_down_s=60)
DAY = "2026-11-28"


def up(name: str, **more) -> UpstreamSettings:
    return UpstreamSettings(name, "claude", "http://h", "anthropic-messages", **more)


def pool(seed: int = 1) -> Pool:
    return Pool(random.Random(seed))


def names(pool: Pool, upstreams, mode: str, now: float = 0.0, today: str = DAY) -> list[str]:
    return [one.upstream.name for one in pool.order("claude", upstreams, mode, now, today)]


def fail(pool: Pool, name: str, now: float = 0.0, times: int = 3, **more) -> None:
    for _ in range(times):
        pool.failed(name, "500", now, SETTINGS, **more)


def test_active_uses_the_marked_one_alone_and_the_first_without_a_mark() -> None:
    assert names(pool(), [up("a"), up("b", active=True)], "active") == ["b"]
    assert names(pool(), [up("a"), up("b")], "active") == ["a"]
    assert names(pool(), [], "active") == []
    broken = pool()
    fail(broken, "b")
    assert names(broken, [up("a"), up("b", active=True)], "active") == ["b"], "chosen by the user: nobody else gets the prompts"


def test_priority_comes_first_in_every_mode() -> None:
    upstreams = [up("late", priority=2), up("a"), up("b")]
    assert names(pool(), upstreams, "priority") == ["a", "b", "late"]
    for mode in ("weighted", "round-robin"):
        assert names(pool(), upstreams, mode)[-1] == "late"


def test_weights_are_the_shares_of_first_places() -> None:
    chosen = pool()
    counts = Counter(
        names(chosen, [up("a", weight=3), up("b", weight=1), up("none", weight=0)], "weighted")[0] for _ in range(4000)
    )
    assert counts["none"] == 0
    assert counts["a"] / 4000 == pytest.approx(0.75, abs=0.03)


def test_round_robin_begins_with_the_next_one_each_time() -> None:
    chosen = pool()
    upstreams = [up("a"), up("b"), up("c")]
    assert [names(chosen, upstreams, "round-robin") for _ in range(4)] == [
        ["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]  # fmt: skip


def test_an_upstream_rests_after_failures_in_a_row_and_one_call_tries_it_afterwards() -> None:
    chosen, upstreams = pool(), [up("a"), up("b")]
    fail(chosen, "a", times=2)
    assert names(chosen, upstreams, "priority") == ["a", "b"]
    chosen.succeeded("a", 200)
    fail(chosen, "a", times=2)
    assert names(chosen, upstreams, "priority") == ["a", "b"], "an answer in between makes it start anew"
    fail(chosen, "a", now=10, times=1)
    assert names(chosen, upstreams, "priority", now=69) == ["b"]
    assert names(chosen, upstreams, "priority", now=71) == ["a", "b"]
    chosen.begin("a", 71)
    assert names(chosen, upstreams, "priority", now=71) == ["b"], "one call tries it, not all"
    fail(chosen, "a", now=72, times=1)
    assert names(chosen, upstreams, "priority", now=131) == ["b"], "one failure is enough now"
    chosen.begin("a", 133)
    chosen.gave_up("a")
    assert names(chosen, upstreams, "priority", now=133) == ["a", "b"], "the client went away: the next call tries"
    chosen.begin("a", 134)
    chosen.succeeded("a", 200)
    assert chosen.of("a").state(134, DAY) == "ready"
    assert names(chosen, upstreams, "priority", now=134) == ["a", "b"]


def test_a_trial_that_never_ends_keeps_an_upstream_away_for_some_time_only() -> None:
    chosen = pool()
    fail(chosen, "a")
    chosen.begin("a", 61)
    assert chosen.of("a").state(62, DAY) == "trying"
    assert chosen.of("a").state(182, DAY) == "trial"


def test_an_upstream_that_says_when_to_come_again_rests_so_long_at_once() -> None:
    chosen = pool()
    fail(chosen, "a", now=0, times=1, rest_s=7.0)
    assert names(chosen, [up("a"), up("b")], "priority", now=6.9) == ["b"]
    assert names(chosen, [up("a"), up("b")], "priority", now=7.1) == ["a", "b"]


def test_where_all_rest_the_one_whose_rest_ends_first_is_tried() -> None:
    chosen = pool()
    fail(chosen, "a", rest_s=100)
    fail(chosen, "b", rest_s=70)
    assert names(chosen, [up("a"), up("b")], "priority", now=5) == ["b"]


def test_a_disabled_one_is_back_the_next_day_or_when_it_is_reset() -> None:
    chosen, upstreams = pool(), [up("a"), up("b")]
    chosen.disable("a", DAY)
    assert names(chosen, upstreams, "priority") == ["b"]
    chosen.succeeded("a", 200)
    assert names(chosen, upstreams, "priority") == ["b"], "an answer that was still under way"
    assert names(chosen, [up("a")], "priority") == []
    assert names(chosen, upstreams, "priority", today="2026-11-29") == ["a", "b"]
    chosen.reset("a")
    assert names(chosen, upstreams, "priority") == ["a", "b"]


def test_the_state_comes_back_from_plain_values() -> None:
    chosen = pool()
    fail(chosen, "a", now=5)
    chosen.disable("b", DAY)
    again = Pool(random.Random(1), {name: health_of({**one, "newer": 1}) for name, one in chosen.plain().items()})
    assert again.health == chosen.health


@pytest.mark.parametrize(
    ("kind", "status", "wanted"),
    [
        ("status", 400, False), ("status", 401, False), ("status", 404, False), ("status", 408, True), ("status", 429, True),
        ("status", 500, True), ("status", 529, True), ("ok", 200, False), ("connect", 0, True), ("timeout", 0, True),
        ("broken", 200, True), ("abort", 0, False),
    ],
)  # fmt: skip
def test_only_what_the_upstream_is_to_blame_for_counts(kind: str, status: int, wanted: bool) -> None:
    assert is_failure(kind, status) is wanted


def test_retry_after_is_a_number_or_a_date() -> None:
    assert rest_of("12", 0) == 12
    assert rest_of("1.5", 0) == 1.5
    assert rest_of(formatdate(1000, usegmt=True), 970) == 30
    assert rest_of(formatdate(1000, usegmt=True), 2000) == 0
    for nothing in (None, "", "soon", "nan", "inf"):
        assert rest_of(nothing, 0) is None
    assert rest_of("1e9", 0) == 24 * 3600
