"""Bodies in pieces are the very bytes, whatever they are."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from procy.store.parts import pack_ids, split_body, unpack_ids

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["messages", "tools", "model", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(["messages", "input", "system", "model", "x"]), JSON),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_joined_they_are_the_body(value: dict, indent: int | None, ascii_only: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert b"".join(split_body(body).pieces) == body


@given(st.binary(max_size=100) | st.text('{}[]",:model ', max_size=60).map(str.encode))
def test_so_they_are_where_it_is_no_json(body: bytes) -> None:
    assert b"".join(split_body(body).pieces) == body


def test_what_is_repeated_is_the_same_piece() -> None:
    messages = [{"role": "user", "content": f"{number} " * 50} for number in range(5)]
    shorter, longer = (split_body(json.dumps({"model": "m", "messages": messages[:count]}).encode()) for count in (4, 5))
    assert shorter.model == longer.model == "m"
    assert len(set(longer.pieces) - set(shorter.pieces)) <= 2


@given(st.lists(st.integers(0, 1 << 50)))
def test_ids_come_back(ids: list[int]) -> None:
    assert unpack_ids(pack_ids(ids)) == ids
