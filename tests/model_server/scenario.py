"""What the scripted model says: a pure function of the newest human prompt.

A prompt is plain text. When one of its lines is a *directive*, `VERB`, `VERB NUMBER`, `VERB: ARGUMENT` or
`VERB NUMBER: ARGUMENT` with nothing else on the line, that line (the last such one) chooses the scenario; any other prompt gets
an echo. Each step of a scenario is one HTTP exchange; a step with tool calls is followed by the next when the client sends
the results.

    (none)             an echo: how many lines and characters arrived, their digest, the first line
    run: CMD           a shell call, then the echo
    steps N: CMD       N shell calls in N exchanges one after the other, then the echo
    two: CMD ;; CMD    two shell calls in one exchange, then the echo
    lines N            a shell call that prints N lines (2000), then the echo
    ask: CMD           like run, but asks for rights beyond the sandbox where the client has such a notion
    write: PATH        writes WRITTEN to the file PATH, then the echo
    edit: PATH         changes the first line of a file made by write in the same session, then the echo
    agent: PROMPT      a sub-agent gets PROMPT (which is a scenario of its own), then the echo
    question: TEXT     asks the user TEXT with the choices QUESTION_CHOICES, then the echo
    plan: TEXT         proposes the plan TEXT for approval, then the echo
    slow S             SLOW_LINES and the echo, spread evenly over S seconds (5)
    wait S             nothing at all for S seconds (5), then the echo
    think S            a thinking block spread over S seconds (0), then the echo
    big KIB            big_text(KIB) (64) instead of the echo
    unicode            UNICODE instead of the echo
    plain N, mixed N   the essay of that number, without Markdown or with all of it, instead of the echo
    long N             N numbered lines, streamed over some seconds, instead of the echo
    work N             paragraphs of an essay with shell calls between them, then the echo
    error STATUS       that HTTP status (500), always
    flaky STATUS       that HTTP status (529) once, then the echo
    cut                half of the echo, then a broken connection

A prompt the client folds into a running turn is acknowledged in the closing text, see `answer_for`.

Each exchange costs the same tokens: 100 fresh input, 1000 read from the cache, 10 written to it, and as output 20 a text or
tool block plus 30 a thinking block, see `usage_of`. `usage_for(prompt)` sums a turn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from . import essays

WRITTEN = "first line\nsecond line\n"
QUESTION_CHOICES = ("Red", "Blue")
SLOW_LINES = "\n".join(f"- slow line {number} of 20" for number in range(1, 21))
UNICODE = (
    "CJK 漢字かな交じり文、한국어 · fullwidth ABC\n"
    "emoji 👩‍👩‍👧‍👦 👍🏽 🇨🇭 1️⃣ ☺︎ ☺️\n"
    "combining e\u0301 a\u030a\u0323 Z\u0351\u036b · precomposed é\n"
    "right to left שלום مرحبا · zero width a\u200bb · line separator a\u2028b\n"
    "maths 𝔘𝔫𝔦 ∑∞ · box ┌─┐"
)


@dataclass(frozen=True)
class Text:
    """Assistant text, streamed evenly over `seconds`."""

    text: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Thinking:
    """Reasoning text, streamed evenly over `seconds`."""

    text: str
    seconds: float = 0.0


@dataclass(frozen=True)
class ToolCall:
    """A call of a neutral tool: shell(command, escalate), write(path, content), edit(path, old, new), agent(prompt),
    question(text, choices), plan(text). `toolbox` turns it into the client's own tool."""

    tool: str
    arguments: dict[str, object]


@dataclass(frozen=True)
class Usage:
    """Tokens of one exchange. `input` excludes what was read from or written to the cache; `output` includes `reasoning`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Reply:
    """One exchange's answer. `wait` seconds pass before its first byte; `cut` breaks the connection half-way."""

    blocks: tuple[Text | Thinking | ToolCall, ...]
    wait: float = 0.0
    cut: bool = False

    @property
    def text(self) -> str:
        return "\n\n".join(block.text for block in self.blocks if isinstance(block, Text))


@dataclass(frozen=True)
class Failure:
    """An HTTP error, answered to the first `times` attempts (None: to all)."""

    status: int
    times: int | None = None


@dataclass(frozen=True)
class Directive:
    verb: str
    number: float | None
    argument: str


def directive_of(prompt: str) -> Directive | None:
    """The last line of `prompt` that is a directive of a known verb."""
    for line in reversed(prompt.splitlines()):
        match = _LINE.fullmatch(line.strip())
        if match and match["verb"] in _STEPS:
            number = float(match["number"]) if match["number"] else None
            return Directive(match["verb"], number, (match["argument"] or "").strip())
    return None


def steps_for(prompt: str) -> tuple[Reply, ...]:
    """The exchanges of the turn that `prompt` opens, in order."""
    directive = directive_of(prompt)
    return _STEPS[directive.verb](directive, prompt) if directive else (_say(echo_of(prompt)),)


def failure_for(prompt: str) -> Failure | None:
    directive = directive_of(prompt)
    if directive and directive.verb == "error":
        return Failure(int(directive.number or 500))
    if directive and directive.verb == "flaky":
        return Failure(int(directive.number or 529), times=1)
    return None


def reply_to(prompt: str, rounds: int, folded: Sequence[str] = ()) -> Reply:
    """The answer after `rounds` rounds of tool results. The last step also acknowledges the `folded` prompts."""
    steps = steps_for(prompt)
    step = steps[min(rounds, len(steps) - 1)]
    if step is not steps[-1]:
        return step
    return replace(step, blocks=step.blocks + tuple(Text(echo_of(text)) for text in folded))


def answer_for(prompt: str, folded: Sequence[str] = ()) -> str:
    """All text of the turn as a recorder should see it: text blocks in order, joined by a blank line; "" for an error."""
    if (failure := failure_for(prompt)) and failure.times is None:
        return ""
    texts = [reply.text for reply in steps_for(prompt)] + [echo_of(text) for text in folded]
    return "\n\n".join(text for text in texts if text)


def usage_for(prompt: str) -> Usage:
    """Tokens of the whole turn: the sum over its exchanges."""
    return sum((usage_of(reply) for reply in steps_for(prompt)), Usage())


def usage_of(reply: Reply) -> Usage:
    reasoning = sum(30 for block in reply.blocks if isinstance(block, Thinking))
    spoken = sum(20 for block in reply.blocks if not isinstance(block, Thinking))
    return Usage(input=100, cache_read=1000, cache_write=10, output=spoken + reasoning, reasoning=reasoning)


def echo_of(prompt: str) -> str:
    """One line that shows whether `prompt` arrived whole."""
    lines = prompt.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    digest = hashlib.sha256(prompt.encode()).hexdigest()[:8]
    return f"Received {_count(len(lines), 'line')}, {_count(len(prompt), 'character')} ({digest}): {first[:60]}"


def big_text(kib: int = 64) -> str:
    """Exactly `kib` KiB of ASCII markdown: numbered sections with a list, a code block and a table."""
    size = kib * 1024
    parts: list[str] = []
    total = 0
    while total < size:
        parts.append(_section(len(parts) + 1))
        total += len(parts[-1])
    tail = "\nEnd of the big answer."
    return "".join(parts)[: size - len(tail)].rstrip().ljust(size - len(tail), ".") + tail


def lines_command(count: int) -> str:
    return f"seq -f 'line %g of {count}' 1 {count}"


def _section(number: int) -> str:
    return (
        f"## Section {number}\n\n"
        f"Paragraph {number} with *emphasis*, **weight** and `code {number}`.\n\n"
        f"- item {number}.1\n- item {number}.2\n    - nested {number}.2.1\n\n"
        f"```python\ndef f{number}(x):\n    return x + {number}\n```\n\n"
        f"| key | value |\n|---|---|\n| {number} | {number * number} |\n\n"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(text: str, seconds: float = 0.0) -> Reply:
    return Reply((Text(text, seconds),))


def _shell(command: str, escalate: bool = False) -> ToolCall:
    return ToolCall("shell", {"command": command, "escalate": escalate})


def _then_echo(prompt: str, *calls: ToolCall, announce: str = "I will do that.") -> tuple[Reply, ...]:
    return Reply((Text(announce), *calls)), _say(echo_of(prompt))


def _run(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return _then_echo(prompt, _shell(directive.argument or "true"), announce="I will run it.")


def _steps(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    count = int(directive.number or 2)
    calls = tuple(Reply((Text(f"Step {i} of {count}."), _shell(directive.argument or "true"))) for i in range(1, count + 1))
    return *calls, _say(echo_of(prompt))


def _two(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    commands = [part.strip() for part in directive.argument.split(";;")] or ["true", "true"]
    return _then_echo(prompt, *map(_shell, commands), announce="I will run both.")


def _lines(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return _then_echo(prompt, _shell(lines_command(int(directive.number or 2000))), announce="I will print them.")


def _ask(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return _then_echo(prompt, _shell(directive.argument or "touch asked.txt", escalate=True), announce="I need permission.")


def _write(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return _then_echo(prompt, ToolCall("write", {"path": directive.argument, "content": WRITTEN}), announce="I will write it.")


def _edit(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    change = {"path": directive.argument, "old": "first line", "new": "changed line"}
    return _then_echo(prompt, ToolCall("edit", change), announce="I will edit it.")


def _agent(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return _then_echo(prompt, ToolCall("agent", {"prompt": directive.argument}), announce="I will ask a helper.")


def _question(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    call = ToolCall("question", {"text": directive.argument or "Which colour?", "choices": QUESTION_CHOICES})
    return _then_echo(prompt, call, announce="I have a question.")


def _plan(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return _then_echo(prompt, ToolCall("plan", {"text": directive.argument or "1. Do it."}), announce="Here is a plan.")


def _slow(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (_say(f"{SLOW_LINES}\n\n{echo_of(prompt)}", seconds=directive.number or 5.0),)


def _wait(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (replace(_say(echo_of(prompt)), wait=directive.number or 5.0),)


def _think(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    thought = Thinking(f"Let me think about it.\nIt has {len(prompt)} characters.", directive.number or 0.0)
    return (Reply((thought, Text(echo_of(prompt)))),)


def _big(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (_say(big_text(int(directive.number or 64))),)


def _unicode(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (_say(UNICODE),)


def _plain(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (_say(essays.plain(int(directive.number or 1)), seconds=1.5),)


def _mixed(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (_say(essays.mixed(int(directive.number or 1)), seconds=2.0),)


def _long(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    count = int(directive.number or 120)
    return (_say(essays.long(count), seconds=count / 30),)


def _work(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    parts = essays.plain(int(directive.number or 1)).split("\n\n")[:3]
    calls = [_shell(f"echo part {place}; seq 12") for place in range(len(parts))]
    return *(Reply((Text(part), call)) for part, call in zip(parts, calls, strict=True)), _say(echo_of(prompt))


def _echo(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (_say(echo_of(prompt)),)


def _cut(directive: Directive, prompt: str) -> tuple[Reply, ...]:
    return (replace(_say(echo_of(prompt)), cut=True),)


_STEPS: dict[str, Callable[[Directive, str], tuple[Reply, ...]]] = {
    "run": _run, "steps": _steps, "two": _two, "lines": _lines, "ask": _ask, "write": _write, "edit": _edit,
    "agent": _agent, "question": _question, "plan": _plan, "slow": _slow, "wait": _wait, "think": _think,
    "plain": _plain, "mixed": _mixed, "long": _long, "work": _work,
    "big": _big, "unicode": _unicode, "error": _echo, "flaky": _echo, "cut": _cut,
}  # fmt: skip
_LINE = re.compile(r"(?P<verb>[a-z]+)(?: (?P<number>\d+(?:\.\d+)?))?(?::(?P<argument>.*))?")
