import asyncio

import pytest

from procy.gateway.limit import Bucket, admitted


class Time:
    """A clock that moves only when somebody sleeps; the one who sleeps shortest wakes first."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleepers: list[tuple[float, int, asyncio.Future]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.now + seconds, len(self.sleepers), future))
        await future

    async def run(self, *tasks: asyncio.Task) -> None:
        for _ in range(10_000):
            for _ in range(5):
                await asyncio.sleep(0)
            if all(task.done() for task in tasks):
                return
            self.sleepers = [one for one in self.sleepers if not one[2].done()]
            first = min(self.sleepers, key=lambda one: one[:2])
            self.sleepers.remove(first)
            self.now = max(self.now, first[0])
            first[2].set_result(None)
        raise AssertionError("nobody moves")


def starts(rpm: float, burst: int, calls: int, gone: tuple[int, ...] = ()) -> dict[int, float]:
    """At which second each of the calls started, all made at once; those of ``gone`` are cancelled while they wait."""
    found: dict[int, float] = {}

    async def call(time: Time, bucket: Bucket, number: int) -> None:
        waited = await admitted(bucket, time, time.sleep)
        found[number] = time.now - 100
        assert waited == pytest.approx(found[number])

    async def main() -> None:
        time, bucket = Time(), Bucket(rpm, burst)
        tasks = [asyncio.create_task(call(time, bucket, number)) for number in range(calls)]
        for _ in range(5):
            await asyncio.sleep(0)
        for number in gone:
            tasks[number].cancel()
        await time.run(*tasks)
        assert not bucket.waiting

    asyncio.run(main())
    return found


@pytest.mark.parametrize("rpm", [7, 60, 600])
def test_exactly_rpm_calls_start_in_any_minute_and_the_first_waits_for_nothing(rpm: int) -> None:
    calls = rpm + 3
    found = starts(rpm, 1, calls)
    assert found[0] == 0
    assert [found[n] for n in range(calls)] == pytest.approx([n * 60 / rpm for n in range(calls)], abs=0.01)


def test_a_quiet_upstream_takes_a_burst_and_then_its_rate() -> None:
    found = starts(60, 3, 5)
    assert [found[n] for n in range(5)] == pytest.approx([0, 0, 0, 1, 2], abs=0.01)


def test_those_who_go_away_give_their_places_to_those_behind() -> None:
    found = starts(60, 1, 5, gone=(1, 3))
    assert sorted(found) == [0, 2, 4]
    assert [found[n] for n in (0, 2, 4)] == pytest.approx([0, 1, 2], abs=0.01)


def test_a_bucket_fills_while_nobody_calls_and_not_beyond_its_size() -> None:
    bucket = Bucket(60, 2)
    for now, wanted in ((0.0, 0.0), (0.0, 0.0), (0.0, 1.0), (50.0, 0.0), (50.0, 0.0), (50.0, 1.0)):
        assert bucket.ready_in(now) == wanted
        if not wanted:
            bucket.take(now)
