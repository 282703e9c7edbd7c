"""Sending groups of spans to a collector: retried where the protocol says so, split where they are too many at once."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from procy import __version__
from procy.errors import ProcyError
from procy.otlp.encode import TYPES, body, rejected
from procy.otlp.span import Group
from procy.otlp.target import Target

RETRIED = (429, 502, 503, 504)
TOO_MUCH = (400, 413)
FIRST_S, LONGEST_S = 1.0, 60.0
TRIES = 5  # where nobody waits for the collector to come back

Say = Callable[[str], None]
Sleep = Callable[[float], None]


@dataclass
class Post:
    """``patient``: tries again without end. ``say`` tells of each outage once."""

    target: Target
    say: Say
    sleep: Sleep
    patient: bool = False
    transport: httpx.BaseTransport | None = None
    refused: int = field(default=0, init=False)  # spans that the collector did not want

    def __post_init__(self) -> None:
        verify: bool | str = self.target.certificate or True
        self.client = httpx.Client(timeout=self.target.timeout_s, verify=verify, transport=self.transport)

    def close(self) -> None:
        self.client.close()

    def send(self, groups: Sequence[Group]) -> None:
        """Returns when the collector has them. Raises ProcyError when it cannot, or will not, take any."""
        answer = self.deliver(body(groups, self.target.protocol))
        if answer.is_success:
            count, why = rejected(answer.content, self.target.protocol)
            if count:
                self.refuse(count, why)
        elif answer.status_code in TOO_MUCH:
            self.divide(groups, answer)
        else:
            raise ProcyError(
                f"{self.target.endpoint} answers {answer.status_code}: {words_of(answer)}",
                "Check --endpoint, and --header where it wants a key",
            )

    def divide(self, groups: Sequence[Group], answer: httpx.Response) -> None:
        """It may take less at once; a single span that it does not take is left out."""
        spans = [(group.resource, span) for group in groups for span in group.spans]
        if len(spans) <= 1:
            self.refuse(len(spans), f"{answer.status_code}: {words_of(answer)}")
            return
        for half in (spans[: len(spans) // 2], spans[len(spans) // 2 :]):
            self.send([Group(resource, [span]) for resource, span in half])

    def refuse(self, count: int, why: str) -> None:
        if not self.refused:
            self.say(f"the collector refuses spans: {why or 'it does not say why'}")
        self.refused += count

    def deliver(self, data: bytes) -> httpx.Response:
        pause, tries = FIRST_S, 0
        while True:
            wait, trouble, tries = pause, "", tries + 1
            try:
                answer = self.client.post(self.target.url, content=self.packed(data), headers=self.headers())
                if answer.status_code not in RETRIED:
                    if tries > 1:
                        self.say(f"{self.target.endpoint} is back")
                    return answer
                wait, trouble = asked_wait(answer) or pause, f"answers {answer.status_code}"
            except httpx.TransportError as error:
                trouble = f"cannot be reached ({error})"
            if not self.patient and tries >= TRIES:
                raise ProcyError(f"{self.target.endpoint} {trouble}", "Start the collector, or name another with --endpoint")
            if tries == 1:
                self.say(f"{self.target.endpoint} {trouble}; trying again" + (" until it is back" if self.patient else ""))
            self.sleep(wait * random.uniform(0.8, 1.2))
            pause = min(pause * 2, LONGEST_S)

    def headers(self) -> dict[str, str]:
        packed = {"content-encoding": "gzip"} if self.target.compression == "gzip" else {}
        ours = {"content-type": TYPES[self.target.protocol], "user-agent": f"procy/{__version__}", **packed}
        return ours | dict(self.target.headers)

    def packed(self, data: bytes) -> bytes:
        return gzip.compress(data, 5, mtime=0) if self.target.compression == "gzip" else data


def asked_wait(answer: httpx.Response) -> float:
    """Seconds that the collector asks to wait."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), LONGEST_S) if text.isdigit() else 0.0


def words_of(answer: httpx.Response) -> str:
    text = " ".join(answer.text.split()) if "text" in answer.headers.get("content-type", "") else ""
    return text[:200] or answer.reason_phrase or "no reason given"
