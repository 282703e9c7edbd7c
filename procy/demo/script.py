"""What the scripted agent does for which prompt. Data only; the agent really runs every command and writes every file."""

from dataclasses import dataclass
from typing import TypeAlias

COUNTER = '''\
"""Counts words in a text."""

from collections import Counter


def count(text: str) -> Counter:
    return Counter(text.split())
'''

TEST = """\
import unittest

from wordcount import count


class CountTest(unittest.TestCase):
    def test_case_and_punctuation(self):
        self.assertEqual(count("The cat. The dog!")["the"], 2)
        self.assertEqual(count("The cat. The dog!")["dog"], 1)


if __name__ == "__main__":
    unittest.main()
"""

EVALUATOR = """\
import json
import sys
from pathlib import Path

METRICS_SCHEMA = [
    {"name": "right", "type": "float", "goal": "maximize"},
    {"name": "characters", "type": "int", "goal": "minimize"},
]
CASES = {"a b a": ("a", 2), "The the": ("the", 2), "dog! dog.": ("dog", 2), "": ("a", 0)}

try:
    from wordcount import count
except ImportError:
    sys.exit(10)

right = sum(count(text)[word] == number for text, (word, number) in CASES.items())
print(json.dumps({"right": right / len(CASES), "characters": len(Path("wordcount.py").read_text())}))
"""


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Think:
    seconds: float


@dataclass(frozen=True)
class Write:
    path: str
    content: str


@dataclass(frozen=True)
class Edit:
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Rewrite:
    """Make a file this, in one edit."""

    path: str
    content: str


@dataclass(frozen=True)
class Run:
    command: str


Step: TypeAlias = Say | Think | Write | Edit | Rewrite | Run

SCRIPT: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "metrics_schema",
        (
            Think(0.5),
            Write("eval.py", EVALUATOR),
            Run("python3 eval.py"),
            Say("`eval.py` counts right answers, and how large the program is."),
        ),
    ),
    (
        "word counter",
        (
            Think(0.8),
            Say("I'll write a small module with one function, then try it on a sentence."),
            Write("wordcount.py", COUNTER),
            Run("python3 -c \"from wordcount import count; print(count('to be or not to be').most_common(2))\""),
            Say("Done: `wordcount.py` counts words. `to` and `be` come out twice, as they should."),
        ),
    ),
    (
        "test",
        (
            Think(0.6),
            Say("Let me write down what I expect first, and run it."),
            Write("test_wordcount.py", TEST),
            Run("python3 -m unittest -q test_wordcount"),
            Say(
                "The test fails: `The` and `the` are counted apart, and so are `dog` and `dog!`.\n\n"
                "Shall I make it ignore case and punctuation?"
            ),
        ),
    ),
    (
        "case",
        (
            Think(0.7),
            Edit("wordcount.py", "from collections import Counter\n", "import re\nfrom collections import Counter\n"),
            Edit("wordcount.py", "text.split()", 're.findall(r"\\w+", text.lower())'),
            Run("python3 -m unittest -q test_wordcount"),
            Say("Two lines changed, and the test passes."),
        ),
    ),
    (
        "unicode",
        (
            Think(0.5),
            Run("python3 -c \"from wordcount import count; print(dict(count('Füße 漢字 👍 Füße')))\""),
            Say("Umlauts and CJK (漢字) are words to it, an emoji 👍 is not. Tell me if you want that otherwise."),
        ),
    ),
)
PROMPTS = (
    "Write a word counter in Python",
    "Add a test for upper and lower case",
    "Yes, ignore case and punctuation",
    "Does it cope with unicode: Füße, 漢字, 👍?",
)
UNKNOWN = (
    Think(0.4),
    Say("I am a scripted demonstration, not a model. I can: write a word counter, add a test, ignore case, check unicode."),
)


def steps_for(prompt: str) -> tuple[Step, ...]:
    """The steps for the first key that the prompt holds."""
    text = prompt.lower()
    for key, steps in SCRIPT:
        if key in text and not (key == "test" and "ignore" in text):
            return steps
    return UNKNOWN
