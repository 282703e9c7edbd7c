"""How many of these are counted right. The same program gives the same numbers, always."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

CASES = (  # text, word, how often
    ("to be or not to be", "be", 2),
    ("The cat. The dog!", "the", 2),
    ("", "a", 0),
    ("one two  three\nfour", "four", 1),
    ("a rose is a rose is a rose", "a", 3),
    ("the end of the day", "of", 1),
    ("Don't panic", "don't", 1),
    ("I don’t, they don’t", "don’t", 2),
    ("It's hers, isn't it", "it", 1),
    ("Straße, STRASSE", "strasse", 2),
    ("cafe\u0301 and caf\u00e9", "caf\u00e9", 2),
    ("漢字 and 漢字", "漢字", 2),
)


def main() -> int:
    sys.path.insert(0, os.getcwd())
    try:
        count = import_module("wordcount").count
    except (ImportError, SyntaxError, AttributeError, NameError) as error:  # anything else is a crash
        write({"schema": 1, "valid": False, "metrics": {}, "feedback": [f"wordcount.py cannot be imported: {error!r}"]})
        return 10
    wrong = [(text, word, wanted, got) for text, word, wanted in CASES if (got := count(text)[word]) != wanted]
    lines = sum(bool(line.strip()) for line in Path("wordcount.py").read_text(encoding="utf-8").splitlines())
    feedback = [
        {"kind": "failing case", "text": text, "word": word, "wanted": wanted, "got": got} for text, word, wanted, got in wrong
    ]
    metrics = {"correct": len(CASES) - len(wrong), "lines": lines}
    write({"schema": 1, "valid": True, "metrics": metrics, "feedback": feedback})
    return 0


def write(result: dict[str, Any]) -> None:
    with open(os.environ["PROCY_OUT"], "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
