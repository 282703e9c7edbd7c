"""Prompts from templates: procy's own, the user's in their place, and what is said of a wrong one."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.errors import ConfigError
from procy.evolve.proposers.template import TemplateProposer
from procy.evolve.templates import OWN, Templates, templates_of
from procy.places import Places
from procy.settings import Settings
from procy.settings.evolve import EvolveSettings
from procy.tries import Brief
from tests.evolve.briefs import BROKEN, CRASHED, GOAL, KEPT, START, brief, first_brief

NAMES = sorted(path.name for path in OWN.glob("*.jinja") if not path.name.startswith("conversation_"))  # those take no brief


def direction(prompt: str) -> str:
    return prompt.partition("\n\nGoal:")[0]


# -- procy's own ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "one",
    [
        brief(),
        first_brief(),
        brief(mode="explore", inspirations=(BROKEN,), knows_parent=False),
        brief(metrics=(), evaluator="", goal="", corrections=(), outcomes=()),
    ],
    ids=["middle", "first", "explore", "bare"],
)
def test_every_template_takes_every_brief(name: str, one: Brief) -> None:
    text = Templates().render_brief(name, one, 20_000)
    assert text and "\n\n\n" not in text and "{" not in text
    assert text == text.strip() and all(line == line.rstrip() for line in text.split("\n"))


def test_a_template_prompt_tells_the_agent_what_it_needs() -> None:
    prompt = TemplateProposer(Templates()).propose(brief()).prompt
    for words in (
        GOAL,
        "bench (python bench.py)",
        "recall: larger is better, must be at least 0.95",
        "qps: 100 1/s at the start, 150 1/s here (+50 %, better than the start)",
        "bottleneck: score() in search.py",
        "Rewrite the scorer in numpy.",
        "Make the index faster without more memory.",
        "Leave the evaluator, its data and protected files as they are; do not commit",
    ):
        assert words in prompt
    assert len(prompt) <= 2500


def test_the_direction_changes_with_every_try_and_with_the_mode() -> None:
    proposer = TemplateProposer(Templates())
    improve = [direction(proposer.propose(brief(seq=seq)).prompt) for seq in range(1, 9)]
    explore = [direction(proposer.propose(brief(seq=seq, mode="explore")).prompt) for seq in range(1, 7)]
    assert len(set(improve)) == 8 and len(set(explore)) == 6 and not set(improve) & set(explore)
    assert proposer.propose(brief(seq=3)) == proposer.propose(brief(seq=3))
    assert any("evaluator says" in one for one in improve)
    quiet = brief(seq=6, parent=replace(KEPT, feedback=()), outcomes=(KEPT,))
    assert "evaluator says" not in proposer.propose(quiet).prompt


@given(st.integers(0, 40), st.integers(0, 1200), st.integers(0, 3000))
@settings(max_examples=40, deadline=None)
def test_a_template_prompt_is_never_long(tries: int, prompt: int, reason: int) -> None:
    long = replace(CRASHED, prompt="idea " * prompt, reason="because " * reason)
    many = tuple(replace(long, id=f"t{seq}", seq=seq) for seq in range(5, 5 + tries))
    text = TemplateProposer(Templates()).propose(brief(outcomes=(KEPT, *many))).prompt
    assert len(text) <= 2500 and text.endswith("why it should help.")


def test_a_long_goal_stays_whole() -> None:
    goal = "Step by step. " * 200 + "The end."
    text = TemplateProposer(Templates()).propose(brief(goal=goal)).prompt
    assert goal in text and len(text) <= 2500 + len(goal)
    assert "qps: 100 1/s at the start" in text and text.endswith("why it should help.")


def test_an_account_says_what_was_kept_and_what_was_not() -> None:
    account = Templates().account(brief(knows_parent=False))
    assert "Use an inverted index with bitmaps." in account and "Cache the scores of all queries." in account
    assert account.index("Kept") < account.index("inverted") < account.index("reverted") < account.index("Cache")
    assert len(Templates().account(brief(outcomes=(KEPT, replace(CRASHED, prompt="word " * 9999))))) <= 1500
    assert "start of a series" in Templates().account(first_brief())


def test_lanes_may_render_at_once() -> None:
    templates, found = Templates(), set[str]()
    lanes = [threading.Thread(target=lambda: found.add(templates.render_brief("agent.jinja", brief(), 9000))) for _ in range(6)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    assert len(found) == 1


# -- the user's -------------------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = str(tmp_path / "home")
    return Places(home, f"{home}/procy.db", f"{home}/spool", str(tmp_path / "config" / "config.toml"))


def put(folder: Path, text: str, name: str = "template.jinja") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def test_the_nearest_template_wins(tmp_path: Path, places: Places) -> None:
    def prompt() -> str:
        settings = Settings(evolve=EvolveSettings(prompts=str(tmp_path / "set")))
        return TemplateProposer(templates_of(places, settings, str(tmp_path / "work"))).propose(brief()).prompt

    assert GOAL in prompt()
    put(tmp_path / "config" / "prompts", "beside the settings")
    assert prompt() == "beside the settings"
    put(tmp_path / "set", "by the settings")
    assert prompt() == "by the settings"
    put(tmp_path / "work" / ".procy" / "prompts", "of the project, try {{ context.seq }}")
    assert prompt() == "of the project, try 4"


def test_a_template_can_build_on_procys_own(tmp_path: Path) -> None:
    folder = put(tmp_path, 'Always in French.\n{% include "procy/template.jinja" %}')
    prompt = TemplateProposer(Templates([folder])).propose(brief()).prompt
    assert prompt.startswith("Always in French.\n") and GOAL in prompt


def test_a_changed_template_counts_at_once(tmp_path: Path) -> None:
    templates = Templates([put(tmp_path, "first words")])
    assert templates.render_brief("template.jinja", brief(), 99) == "first words"
    put(tmp_path, "other, longer words")
    assert templates.render_brief("template.jinja", brief(), 99) == "other, longer words"


def test_a_long_template_of_the_users_is_shortened_at_a_word(tmp_path: Path) -> None:
    templates = Templates([put(tmp_path, "{% for n in range(4000) %}word {% endfor %}")])
    prompt = TemplateProposer(templates).propose(brief()).prompt
    assert len(prompt) <= 2500 and prompt.endswith("word …")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("fine\n{{ context.gaol }}", 2, "gaol"),
        ("fine\nfine\n{{ brief.goal }}", 3, "'brief' is undefined"),
        ("\n{% if %}", 2, "Expected an expression"),
        ("{{ context.goal.__class__.__mro__ }}", 1, "unsafe"),
        ("a\n{{ 1 // 0 }}", 2, "by zero"),
        ("a\n{{ context.seq + 'x' }}", 2, "unsupported operand"),
        ("{% for n in range(10 ** 9) %}{% endfor %}", 1, "Range too big"),
        ('a\n{% include "other.jinja" %}', 2, "other.jinja"),
    ],
)
def test_a_wrong_template_is_named_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        TemplateProposer(Templates([put(tmp_path, text)])).propose(brief())
    assert f"template {tmp_path}/template.jinja, line {line}:" in error.value.what and words in error.value.what
    assert "docs/evolve.md" in error.value.remedy


def test_a_template_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"template\.jinja.*utf-8"):
        TemplateProposer(Templates([tmp_path])).propose(brief())


def test_the_start_has_no_account_of_what_was_kept() -> None:
    account = Templates().account(brief(parent=START, best=KEPT))
    assert "Kept" not in account and "reverted" in account
