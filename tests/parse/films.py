"""Films of real agents (``tests/clients/films.py``): read through the generic profile, and held against their transcripts."""

from __future__ import annotations

import difflib
import json
import lzma
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from procy.parse.screen import Screen
from procy.parse.signals import Splitter
from procy.parse.terminal import TerminalReader
from procy.types import Picture, Read, Turn

FILMS = Path(__file__).parent.parent / "recordings" / "screens"
TOLERANCE_MS = 2000  # how far the end of a turn may be from the transcript's
MARKUP = re.compile(r"^\s*(?:#{1,6} |[-•*◦] |[>▎│┃▌] ?|```\w*$)|\*\*|[`\[\]]|(?<!\w)\*|\*(?!\w)")
INVISIBLE = "[\u200b\u200d\u2028]"
FRAME = re.compile(r"[\s|│┃┏┓┗┛─━┼┌┐└┘├┤┬┴╭╮╰╯+=:-]*")


@dataclass
class Score:
    """Counts over some turns. Prompts and lines that were on no screen at all (folded, or drawn past) are ``hidden``."""

    turns: int = 0
    prompts: int = 0
    hidden_prompts: int = 0
    lines: int = 0
    found: int = 0
    hidden_lines: int = 0
    foreign: int = 0
    ends: int = 0
    tools: int = 0
    tools_found: int = 0
    hidden_tools: int = 0
    invented: int = 0

    def __iadd__(self, other: Score) -> Score:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        return self


def films(folder: Path = FILMS) -> list[Path]:
    return sorted(folder.glob("**/*.cast.xz"))


def load_film(path: Path) -> list[Read]:
    header, *events = (json.loads(line) for line in lzma.decompress(path.read_bytes()).decode().split("\n") if line)
    columns, rows = header["term"]["cols"], header["term"]["rows"]
    time_ns, offset = header["began_ms"] * 1_000_000, 0
    reads = []
    for interval, code, text in events:
        time_ns += round(interval * 1e9)
        if code == "r":
            columns, rows = map(int, text.split("x"))
        else:
            reads.append(Read(time_ns, offset, columns, rows, text.encode()))
            offset += len(reads[-1].data)
    return reads


def read_film(reads: list[Read]) -> list[Turn]:
    """What the generic profile makes of it."""
    reader = TerminalReader(Picture(reads[0].columns, reads[0].rows, b""))
    reader.last_ns = reads[0].time_ns
    reader.foreground(False, True, "agent")
    for read in reads:
        reader.feed(read)
    reader.rest(reads[-1].time_ns + 60_000_000_000)
    turns = {turn.key: turn for turn in reader.changed()}.values()
    return sorted(turns, key=lambda turn: turn.started_ns)


def truth_of(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.with_name(path.name.replace(".cast.xz", ".truth.json")).read_text())


# -- comparing -------------------------------------------------------------------------------------------------------------


def score(truth: list[dict[str, Any]], seen: list[Turn], shown: Shown) -> Score:
    pairs = paired(truth, seen)
    total = Score(turns=len(truth), invented=len(seen) - len(pairs))
    for place, told in enumerate(truth):
        turn = seen[pairs[place]] if place in pairs else None
        total += of_turn(told, turn, shown)
    return total


def of_turn(told: dict[str, Any], turn: Turn | None, shown: Shown) -> Score:
    one = Score(tools=len(told["tools"]))
    one.hidden_tools = sum(1 for tool in told["tools"] if not shown.call(tool))
    one.prompts = int(turn is not None and same_prompt(told["prompt"], turn.prompt))
    one.hidden_prompts = int(not one.prompts and not shown.prompt(told["prompt"]))
    wanted, read = answer_lines(told["response"]), answer_lines(turn.response if turn else "")
    match = difflib.SequenceMatcher(None, wanted, read, autojunk=False)
    found = [place for block in match.get_matching_blocks() for place in range(block.a, block.a + block.size)]
    one.lines, one.found = len(wanted), len(found)
    one.hidden_lines = len(hidden_among(wanted, found, shown))
    one.foreign = len(read) - len(found)
    if turn:
        off_ms = turn.ended_ns // 1_000_000 - (told["ended_ms"] or turn.ended_ns // 1_000_000) if turn.ended_ns else None
        one.ends = int(off_ms is not None and abs(off_ms) <= TOLERANCE_MS)  # some transcripts do not tell the last one's
        one.tools_found = len(tools_found(told["tools"], turn))
    return one


def hidden_among(wanted: list[str], found: list[int], shown: Shown) -> list[int]:
    """Missed lines that no screen showed; of those that occur again and again, where the line before was not shown either."""
    hidden: list[int] = []
    for place, line in enumerate(wanted):
        again = wanted.count(line) > 1 and place - 1 in hidden
        if place not in found and (again or not shown.line(line)):
            hidden.append(place)
    return hidden


def paired(truth: list[dict[str, Any]], seen: list[Turn]) -> dict[int, int]:
    """Which seen turn is which of the truth: by prompt, and between those by place, if they began about then."""
    wanted, read = [normal(told["prompt"]) for told in truth], [normal(turn.prompt) for turn in seen]
    match = difflib.SequenceMatcher(None, wanted, read, autojunk=False)
    pairs = {block.a + step: block.b + step for block in match.get_matching_blocks() for step in range(block.size)}
    free = [place for place in range(len(seen)) if place not in pairs.values()]
    for place, told in enumerate(truth):
        near = [one for one in free if abs(seen[one].started_ns // 1_000_000 - told["started_ms"]) < 3000]
        if place not in pairs and near:
            pairs[place] = near[0]
            free.remove(near[0])
    return pairs


def same_prompt(left: str, right: str) -> bool:
    return normal(left) == normal(right)


def normal(text: str) -> str:
    return "\n".join(line.rstrip() for line in unicodedata.normalize("NFC", text).strip().split("\n"))


def answer_lines(text: str) -> list[str]:
    """Lines as an agent may draw them: without the marks of Markdown and the frames of tables."""
    text = re.sub(INVISIBLE, "", unicodedata.normalize("NFC", text))  # not every transcript has them
    lines = [MARKUP.sub("", line) for line in text.split("\n")]
    lines = ["" if FRAME.fullmatch(line) else " ".join(re.sub("[|│┃]", " ", line).split()) for line in lines]
    return [line for line in lines if line]


def tools_found(tools: list[dict[str, Any]], turn: Turn) -> list[str]:
    """Calls of which the command or the file was read as one."""
    left = [squeeze(call.name + call.input) for call in turn.tool_calls]
    found = []
    for tool in tools:
        what = squeeze(telling(tool["input"]))[:40]
        if hit := next((one for one in left if what in one), None):
            left.remove(hit)
            found.append(tool["input"])
    return found


def telling(text: str) -> str:
    try:
        values = json.loads(text)
    except ValueError:
        match = re.search(r"File: (\S+)", text)
        return match[1] if match else text
    if not isinstance(values, dict):
        return text
    what = str(next((values[key] for key in ("command", "cmd", "file_path", "path", "description") if key in values), ""))
    return what.rsplit("/", 1)[-1] if "file_path" in values or "path" in values else what


def squeeze(text: str) -> str:
    return "".join(re.sub(INVISIBLE, "", unicodedata.normalize("NFC", text)).split())


@dataclass
class Shown:
    """All that was ever on the screen when it was whole: rows without glyphs and bullets, and all of them in one piece."""

    rows: set[str]
    text: str

    def line(self, line: str) -> bool:
        """Whether a line of an answer was; of a long one, that is drawn over several rows, the beginning."""
        text = squeeze(line)
        return text in self.rows or (len(text) > 40 and text[:30] in self.text)

    def prompt(self, prompt: str) -> bool:
        return all(squeeze(line)[:30] in self.text for line in prompt.split("\n"))

    def call(self, tool: dict[str, Any]) -> bool:
        """Whether a row says little else than what the tool was used on."""
        what = squeeze(telling(tool["input"]))[:40]
        return any(what in row and len(row) - len(what) < 16 and not row.startswith(DIRECTIVES) for row in self.rows)


DIRECTIVES = ("run:", "two:", "write:", "edit:", "steps")  # prompts of the scripts
LED = " \xa0│┃▌▎❯›>•●⏺✦-*◦"


def everything_shown(reads: list[Read]) -> Shown:
    rows: dict[str, None] = {}
    for screen in screens(reads):
        rows |= dict.fromkeys(screen.lines())
    plain = [squeeze(row.strip(LED)) for row in rows]
    return Shown({*plain, *(" ".join(answer_lines(row)).replace(" ", "") for row in rows)}, "".join(plain))


def screens(reads: list[Read]) -> Iterator[Screen]:
    screen, splitter = Screen(reads[0].columns, reads[0].rows), Splitter()
    for read in reads:
        screen.resize(read.columns, read.rows)
        for piece, signal in splitter.feed(read.data):
            screen.feed(piece)
            if signal == ("2026", "l"):
                yield screen
        yield screen
