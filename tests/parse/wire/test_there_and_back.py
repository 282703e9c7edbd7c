"""A request that two wires can both say comes back from the other as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.fields import Losses
from procy.parse.wire.neutral import Call, Choice, Image, Request, Result, Shape, Text, Tool, Turn, merged
from procy.parse.wire.texts import compact
from procy.parse.wire.translate import translate_request
from tests.parse.wire.dialogues import PAIRS, PIXEL

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
names = st.text("abcXYZ_-09", min_size=1, max_size=10)
objects = st.dictionaries(words, st.none() | st.integers() | words | st.lists(words, max_size=2), max_size=3)
schemas = st.dictionaries(names, st.sampled_from(["string", "integer"]), max_size=2).map(
    lambda kinds: {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}}
)
images = st.sampled_from([Image(f"data:image/png;base64,{PIXEL}"), Image("https://example.com/a.png")])
tools = st.builds(Tool, names, words, schemas, st.booleans())
shapes = st.builds(Shape, schemas, st.just("reply"), st.just(True))
fractions = st.floats(0, 1, allow_nan=False)


@st.composite
def exchanges(draw) -> list[Turn]:
    """A question, an answer that may call tools, and their results."""
    question = draw(st.lists(words.map(Text) | images, min_size=1, max_size=3))
    said = draw(st.lists(words.map(Text), max_size=1))
    calls = [Call(f"call_{draw(names)}_{at}", draw(names), compact(draw(objects))) for at in range(draw(st.integers(0, 3)))]
    answer = [Turn("assistant", (*said, *calls))] if said or calls else []
    results = [Turn("user", tuple(Result(call.id, (Text(draw(words)),)) for call in calls))] if calls else []
    return [Turn("user", tuple(question)), *answer, *results]


@st.composite
def requests(draw) -> Request:
    """What all three wires have. Thinking goes with no temperature, and with no tool that has to be called."""
    turns = [turn for one in draw(st.lists(exchanges(), min_size=1, max_size=3)) for turn in one]
    instructions = draw(st.lists(words.map(Text), max_size=1))
    offered = tuple(draw(st.lists(tools, max_size=2)))
    modes = st.sampled_from([Choice("auto"), Choice("none"), Choice("required"), Choice("required", "tool")])
    choice = draw(st.none() | modes) if offered else None
    effort = None if choice and choice.mode == "required" else draw(st.none() | st.sampled_from(["low", "high", "max"]))
    return Request(
        model=draw(names),
        turns=merged([Turn("system", tuple(instructions)), *turns]),
        tools=offered,
        choice=choice,
        parallel=draw(st.none() | st.booleans()) if choice and choice.mode != "none" else None,
        max_tokens=draw(st.integers(16, 10**6)),
        temperature=None if effort else draw(st.none() | fractions),
        top_p=draw(st.none() | fractions),
        effort=effort,
        think=True if effort else None,
        shape=draw(st.none() | shapes),
        stream=draw(st.booleans()),
    )


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@settings(max_examples=20, deadline=None)
@given(request=requests())
def test_there_and_back(client, upstream, request):
    losses = Losses()
    body = DIALECTS[client].write_request(request, losses, ())
    there = translate_request(client, upstream, DIALECTS[client].path, json.loads(json.dumps(body)))
    back = translate_request(upstream, client, DIALECTS[upstream].path, there.body)
    assert losses.all == ()
    said_anew = {"store", "include"}  # by every request of openai-responses
    assert {lost.partition(":")[0] for lost in (*there.lost, *back.lost)} <= said_anew
    assert back.body == body
