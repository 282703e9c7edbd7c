"""What a user does at an agent, as functions of a started Driver. Each returns the human prompts it sent, in order,
and returns only when the agent is ready again and its transcript tells of them."""

from __future__ import annotations

from collections.abc import Callable

from .driver import Driver

Script = Callable[[Driver], list[str]]

LINES = 2000
INDENTED = "Look at this:\n\n    def f(x):\n        return x\n\nand say what it does."
LONG = "\n".join(f"{number:03d} " + "x" * (number % 50) for number in range(299)) + "\nthe end of the long paste"
UNICODE_PROMPT = "unicode: 漢字 👩‍👩‍👧‍👦 👍🏽 é Z\u0351 – שלום"  # in normal form C: Claude sends no other


def single_line(driver: Driver) -> list[str]:
    driver.ask("hello there")
    return ["hello there"]


def pasted_lines(driver: Driver) -> list[str]:
    driver.paste(INDENTED)
    driver.finish()
    return [INDENTED]


def pasted_300_lines(driver: Driver) -> list[str]:
    driver.paste(LONG)
    driver.finish()
    return [LONG]


def tool_output(driver: Driver) -> list[str]:
    prompt = f"lines {LINES}"
    driver.ask(prompt)
    return [prompt]


def two_tools(driver: Driver) -> list[str]:
    prompt = "two: echo one ;; echo two"
    driver.ask(prompt)
    return [prompt]


def written_file(driver: Driver) -> list[str]:
    path = driver.home.work / "note.txt" if driver.home.client == "qwen" else "note.txt"  # which takes no other
    prompts = [f"write: {path}", f"edit: {path}"]
    for prompt in prompts:
        driver.ask(prompt)
    return prompts


def thinking(driver: Driver) -> list[str]:
    driver.ask("think 1")
    return ["think 1"]


def big_answer(driver: Driver) -> list[str]:
    driver.ask("big 64", seconds=60)
    return ["big 64"]


def unicode(driver: Driver) -> list[str]:
    driver.ask(UNICODE_PROMPT)
    return [UNICODE_PROMPT]


def edited_input(driver: Driver) -> list[str]:
    driver.type("hello wurldx")
    driver.press("BSpace", "Left", "Left", "Left", "BSpace")
    driver.type("o")
    driver.press("End")
    driver.type("!")
    driver.until_drawn("hello world!")
    driver.finish()
    return ["hello world!"]


def queued(driver: Driver) -> list[str]:
    """The second prompt waits until the first is answered and gets a turn of its own."""
    ended = driver.heard().ended
    driver.type("slow 4")
    driver.enter()
    driver.until_screen("slow line 3")
    driver.queue("queued prompt")
    driver.until_ended(ended + 2)
    return ["slow 4", "queued prompt"]


def folded(driver: Driver) -> list[str]:
    """The second prompt enters the running turn after its tool call."""
    ended = driver.heard().ended
    first = "run: true; sleep 3; echo slept"
    driver.type(first)
    driver.enter()
    driver.until_screen(driver.home.busy, "sleep 3")
    driver.type("folded prompt")
    driver.enter()
    driver.until_ended(ended + 1)
    return [first, "folded prompt"]


def interrupted(driver: Driver) -> list[str]:
    """Escape in mid-answer, then another prompt."""
    ended = driver.heard().ended
    driver.type("slow 30")
    driver.enter()
    driver.until_screen("slow line 3")
    driver.interrupt()
    driver.until_ended(ended + 1)
    driver.press(*driver.home.unsend)
    driver.ask("hello again")
    return ["slow 30", "hello again"]


def interrupted_tool(driver: Driver) -> list[str]:
    """Escape while a command runs, then another prompt."""
    ended = driver.heard().ended
    first = "run: true; sleep 60"
    driver.type(first)
    driver.enter()
    driver.until_screen(driver.home.busy, "I will run it.")
    driver.press("Escape")
    driver.until_ended(ended + 1)
    driver.press(*driver.home.unsend)
    driver.ask("hello again")
    return [first, "hello again"]


def cleared(driver: Driver) -> list[str]:
    """`/clear` begins a new session in the same process."""
    driver.ask("before clear")
    files = len(driver.home.transcript_files())
    driver.type("/clear")
    driver.enter()
    driver.until(lambda: "before clear" not in driver.screen(), "an empty screen")
    driver.until_screen(driver.home.ready[0])
    driver.ask("after clear")
    driver.until(lambda: len(driver.home.transcript_files()) == files + 1, "a second transcript")
    return ["before clear", "after clear"]


def failed(driver: Driver) -> list[str]:
    """The API refuses; the next prompt works again."""
    driver.ask("error 400")
    driver.ask("hello again")
    return ["error 400", "hello again"]


def compacted(driver: Driver) -> list[str]:
    """`/compact`: the client's own request for a summary is no prompt of the human."""
    driver.ask("before compact")
    driver.type("/compact")
    driver.enter()
    driver.until_screen("ompacted")
    driver.ask("after compact")
    return ["before compact", "after compact"]


def bash_mode(driver: Driver) -> list[str]:
    """`!command` runs a command of the user's; it is no prompt. Claude answers it, Codex does not."""
    driver.ask("!echo from bash mode")
    driver.ask("hello again")
    return ["hello again"]


def helper(driver: Driver) -> list[str]:
    """A sub-agent works in the background. Claude takes its end as a turn of its own, without a human prompt."""
    turns = 2 if driver.home.client == "claude" else 1
    ended = driver.heard().ended
    driver.type("agent: run: echo from below")
    driver.enter()
    driver.until_ended(ended + turns)
    driver.ask("hello again")
    return ["agent: run: echo from below", "hello again"]


def resumed(driver: Driver) -> list[str]:
    """The client ends and goes on with the same session in a new process."""
    driver.ask("before the end")
    driver.restart(*driver.home.resume)
    driver.ask("after the end")
    return ["before the end", "after the end"]


SCRIPTS: dict[str, Script] = {
    script.__name__: script
    for script in (
        single_line, pasted_lines, pasted_300_lines, tool_output, two_tools, written_file, thinking, big_answer, unicode,
        edited_input, queued, folded, interrupted, interrupted_tool, cleared, failed,
        compacted, bash_mode, helper, resumed,
    )
}  # fmt: skip


def permitted(driver: Driver) -> list[str]:
    """Needs a home made with `ask`: the agent waits for permission and gets it."""
    ended = driver.heard().ended
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.answer(driver.home.permission_question, "Enter")
    driver.until_ended(ended + 1)
    return ["ask: touch asked.txt"]


def refused(driver: Driver) -> list[str]:
    """Needs a home made with `ask`: the agent waits for permission and is refused."""
    ended = driver.heard().ended
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.answer(driver.home.permission_question, driver.home.refuse)
    driver.until_ended(ended + 1)
    driver.press(*driver.home.unsend)
    driver.ask("hello again")
    return ["ask: touch asked.txt", "hello again"]


ASKING_SCRIPTS: dict[str, Script] = {"permitted": permitted, "refused": refused}
