"""An endpoint that speaks as OpenAI's does: its models, and a chat completion. Tries again where it is down."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from procy.errors import ProposerError
from procy.evolve.words import one_line, shorten
from procy.parse.redact import mask
from procy.settings.evolve import ProxyModelSettings

LARGEST = 4_000_000  # bytes of an answer
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
POLL_S = 0.2
CONNECT_S = 10.0
LOCAL = ("localhost", "127.0.0.1", "::1")

Message = Mapping[str, str]
Way = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """``text`` may be empty. Tokens where the endpoint tells them."""

    text: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    is_cut: bool = False  # by max_tokens


class Trouble(Exception):
    """An answer that asking again may mend; ``after_s``: what the endpoint says about when."""

    def __init__(self, what: str, after_s: float = 0.0) -> None:
        super().__init__(what)
        self.after_s = after_s


class Endpoint:
    """``stop`` set: every wait ends at once, with ProposerError. ``way``: the address to ask now instead of its own."""

    def __init__(self, settings: ProxyModelSettings, stop: threading.Event | None = None, way: Way | None = None) -> None:
        if not settings.url:
            remedy = "Set [proxy_model] url or give --proxy-url, or let --proposer template write the prompts"
            raise ProposerError("no proxy model is set up", remedy)
        self.settings, self.stop = settings, stop or threading.Event()
        self.base, self.way = base_url(settings.url), way
        self.key = settings.key(os.environ)
        self.renamed: dict[str, str] = {}  # parameters that it does not take, and what they are called there, "" for nothing

    # -- questions --------------------------------------------------------------------------------------------------------

    def first_model(self) -> str:
        """The first that it offers. Raises ProposerError."""
        found = self.request("GET", "/models")
        models = found.get("data") if isinstance(found, dict) else None
        for model in models if isinstance(models, list) else []:
            if isinstance(model, dict) and isinstance(model.get("id"), str) and model["id"]:
                return str(model["id"])
        raise ProposerError(f"{self.shown} names no model", "Name one: [proxy_model] model")

    def complete(self, model: str, messages: Sequence[Message]) -> Answer:
        """Raises ProposerError, saying what to do."""
        body = {"model": model, "messages": messages, "stream": False}
        wanted = {"max_tokens": self.settings.max_tokens, "temperature": self.settings.temperature}
        while True:
            names = {name: self.renamed.get(name, name) for name in wanted}
            given = {names[name]: value for name, value in wanted.items() if names[name]}
            try:
                return answer_of(self.request("POST", "/chat/completions", {**body, **given}), model)
            except Unwanted as error:
                if error.name not in given:
                    raise
                self.renamed[error.name] = error.instead

    # -- transport --------------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that it answers. Tries again within ``retry_s``. Raises ProposerError."""
        until = time.monotonic() + self.settings.retry_s
        pause, tries = FIRST_PAUSE_S, 0
        while True:
            tries += 1
            try:
                return asyncio.run(self.sent(method, path, body))
            except Trouble as error:
                wait = max(pause, error.after_s)
                if time.monotonic() + wait > until:
                    times = f", {tries} times" if tries > 1 else ""
                    remedy = "Is it up? See [proxy_model] in the settings; --proposer template needs no model"
                    raise ProposerError(f"{self.shown}: {self.private(str(error))}{times}", remedy) from error
            if self.stop.wait(wait):
                raise ProposerError(f"stopped while {self.shown} was asked")
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def sent(self, method: str, path: str, body: Any) -> Any:
        """One request, ended by ``stop`` and by the time limit, whatever the other side does."""
        limit = self.settings.timeout_s
        task = asyncio.create_task(self.exchange(method, path, body))
        until = time.monotonic() + limit
        while not task.done():
            if self.stop.is_set() or time.monotonic() > until:
                task.cancel()
            await asyncio.wait([task], timeout=POLL_S)
        if not task.cancelled():
            return task.result()
        if self.stop.is_set():
            raise ProposerError(f"stopped while {self.shown} was asked")
        raise Trouble(f"gave no whole answer within {limit:g} s")

    async def exchange(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        timeout = httpx.Timeout(self.settings.timeout_s, connect=min(CONNECT_S, self.settings.timeout_s))
        base = base_url(self.way(self.base)) if self.way else self.base
        is_local = urlsplit(base).hostname in LOCAL  # what HTTP_PROXY names would be asked for its own port
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, trust_env=not is_local, headers=headers) as client,
                client.stream(method, base + path, json=body) as response,
            ):
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST:
                        raise ProposerError(f"{self.shown} does not stop answering", "Is it an OpenAI-compatible endpoint?")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Trouble(said_of(error)) from error
        return self.judged(response, bytes(content))

    def judged(self, response: httpx.Response, content: bytes) -> Any:
        """The JSON of a good answer. Raises Trouble where asking again may help, else ProposerError."""
        status = response.status_code
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        said = message_of(found) or shorten(one_line(content[:2000].decode("utf-8", "replace")), 200)
        message = self.private(said).rstrip(".") or "nothing"
        if status in (408, 409, 425, 429) or status >= 500:
            raise Trouble(f"HTTP {status}: {message}", seconds(response.headers.get("Retry-After", "")))
        if status == 400 and (unwanted := parameter_in(message)):
            raise Unwanted(*unwanted, f"{self.shown}: HTTP 400: {message}")
        if status != 200:
            raise ProposerError(f"{self.shown}: HTTP {status}: {message}", remedy_of(status, message))
        if found is None:
            remedy = "Is the URL that of an OpenAI-compatible endpoint, as in http://localhost:8000/v1?"
            raise ProposerError(f"{self.shown} did not answer with JSON but {message!r}", remedy)
        return found

    @property
    def shown(self) -> str:
        """Its address without user and password."""
        parts = urlsplit(self.base)
        return f"proxy model at {urlunsplit(parts._replace(netloc=parts.netloc.rpartition('@')[2]))}"

    def private(self, text: str) -> str:
        """Without the key, which some endpoints repeat."""
        return mask(text.replace(self.key, "[key]") if self.key else text)


class Unwanted(ProposerError):
    """It does not take a parameter; ``instead``: its name there, or ""."""

    def __init__(self, name: str, instead: str, what: str) -> None:
        super().__init__(what, "See what the model takes: [proxy_model] max_tokens, temperature")
        self.name, self.instead = name, instead


def base_url(url: str) -> str:
    """``http://host:8000/v1`` of that, of ``http://host:8000/``, and of a whole address of chat completions."""
    parts = urlsplit(url.strip())
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    return urlunsplit(parts._replace(path=path or "/v1", query="", fragment=""))


def answer_of(found: Any, model: str) -> Answer:
    """Of a chat completion. Where its form is another, the text is what is wrong with it: that is no prompt either."""
    choices = found.get("choices") if isinstance(found, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        return Answer(json.dumps(found)[:2000], model)
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    usage = found.get("usage") if isinstance(found.get("usage"), dict) else {}
    used = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    tokens = [count if isinstance(count, int) else None for count in used]
    named = found.get("model")
    text = content if isinstance(content, str) else ""
    is_cut = choice.get("finish_reason") == "length"
    return Answer(text, named if isinstance(named, str) else model, tokens[0], tokens[1], is_cut)


def message_of(found: Any) -> str:
    """What an error answer says, in the forms of OpenAI, vLLM, Ollama and FastAPI."""
    error = found.get("error", found.get("detail", found.get("message"))) if isinstance(found, dict) else None
    error = error.get("message") if isinstance(error, dict) else error
    return shorten(one_line(error), 300) if error else ""


def parameter_in(message: str) -> tuple[str, str] | None:
    """The parameter that a model complains of, and its name there."""
    if "max_completion_tokens" in message and "max_tokens" in message:
        return "max_tokens", "max_completion_tokens"
    if "temperature" in message:
        return "temperature", ""
    return None


def remedy_of(status: int, message: str) -> str:
    if status in (401, 403):
        return "Set the key: [proxy_model] api_key_env names the variable that has it"
    if status == 404:
        return "See [proxy_model] url, which ends in /v1 most of the time, and model"
    if "context" in message.lower() or status == 413:
        return "Lower [proxy_model] context_characters"
    return "See [proxy_model] in the settings"


def seconds(text: str) -> float:
    """Of a Retry-After header; a date counts for nothing."""
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0


def said_of(error: Exception) -> str:
    words = {
        httpx.ConnectTimeout: "no connection in time",
        httpx.ConnectError: "cannot connect",
        httpx.RemoteProtocolError: "broke off",
        httpx.ReadTimeout: "no answer in time",
    }
    known = next((text for kind, text in words.items() if isinstance(error, kind)), type(error).__name__)
    return f"{known} ({one_line(error)})" if str(error) else known
