"""Every reader of foreign bytes, on real input that was damaged at random; ``make fuzz`` goes on for longer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import NAMES
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

Damage = tuple[int, int, bytes]


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_input_is_read_or_refused(name: str, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([seed[:4000] for seed in seeds(name)]))
    places = st.tuples(st.integers(0, len(whole)), st.integers(0, 40), st.binary(max_size=12))
    for start, length, put in data.draw(st.lists(places, max_size=4)):
        whole = whole[:start] + put + whole[start + length :]
    TARGETS[name](whole)


def test_the_fuzzer_knows_every_target() -> None:
    assert set(NAMES) == set(TARGETS)
