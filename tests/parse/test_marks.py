"""Marks that a profile adds."""

from __future__ import annotations

import pytest

from procy.parse.marks import DEFAULT


def test_marks_are_added_to_those_that_are_known() -> None:
    marks = DEFAULT.with_more({"prompts": "λ", "busy": ("press q to stop",)})
    assert marks.prompts == DEFAULT.prompts + "λ" and marks.busy == (*DEFAULT.busy, "press q to stop")
    assert marks.bullets == DEFAULT.bullets


@pytest.mark.parametrize("added", [{"glyphs": "λ"}, {"prompts": ("λ",)}, {"busy": "press q"}, {"busy": ("",)}, {"busy": (1,)}])
def test_what_is_no_mark_is_refused(added: dict) -> None:
    with pytest.raises((ValueError, TypeError)):
        DEFAULT.with_more(added)
