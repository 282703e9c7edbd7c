"""The proxy model as proposer, through any endpoint that speaks as OpenAI's does."""

from __future__ import annotations

import threading
import time
from typing import Any

from procy.evolve.proposers.answers import Rejected, asked, complaint
from procy.evolve.proposers.endpoint import Answer, Endpoint, Message, Way
from procy.evolve.templates import Templates
from procy.evolve.words import one_line, shorten
from procy.settings.evolve import ProxyModelSettings
from procy.tries import Brief, PromptSource, Proposal

LEAST = 800  # characters of what it is told, however long the system prompt


class ModelProposer:
    """Asks once; after an answer that is no prompt, once more."""

    name: PromptSource = "model"

    def __init__(
        self, settings: ProxyModelSettings, templates: Templates, stop: threading.Event | None = None, way: Way | None = None
    ) -> None:
        """Raises ProposerError where no URL is set, ConfigError where its key is not there."""
        self.settings, self.templates = settings, templates
        self.endpoint = Endpoint(settings, stop, way)
        self.model = settings.model

    def propose(self, brief: Brief) -> Proposal:
        began = time.monotonic()
        self.model = self.model or self.endpoint.first_model()
        messages, answers = self.messages(brief), list[Answer]()

        def ask(rejected: Rejected | None) -> str | Rejected:
            answer = self.endpoint.complete(self.model, [*messages, *(again(rejected) if rejected else [])])
            answers.append(answer)
            return Rejected(answer.text, "it was cut off, so be shorter") if answer.is_cut else answer.text

        remedy = "Try another model ([proxy_model] model) or more max_tokens; --proposer template needs none"
        prompt, times = asked(ask, f"{self.endpoint.shown}, {self.model},", remedy)
        return Proposal(prompt, self.name, details(answers, times, time.monotonic() - began))

    def messages(self, brief: Brief) -> list[Message]:
        room = self.settings.context_characters
        system = self.templates.render_brief("model_system.jinja", brief, room)
        user = self.templates.render_brief("model_user.jinja", brief, max(LEAST, room - len(system)))
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def again(rejected: Rejected) -> list[Message]:
    said = shorten(one_line(rejected.answer), 300) or "(nothing)"
    return [{"role": "assistant", "content": said}, {"role": "user", "content": complaint(rejected)}]


def details(answers: list[Answer], times: int, took_s: float) -> dict[str, Any]:
    tokens = {
        name: sum(counts)
        for name in ("input_tokens", "output_tokens")
        if (counts := [count for one in answers if (count := getattr(one, name)) is not None])
    }
    return {"model": answers[-1].model, "answers": times, "seconds": round(took_s, 3), **tokens}
