"""A served model as an HTTP client of ours sees it: what both engines honour, and vLLM's loading of adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from procy.errors import ServeError

QUICK_S, ANSWER_S, LOAD_S = 5.0, 120.0, 300.0


@dataclass(frozen=True, slots=True)
class Said:
    """A greedy answer; ``logprob``: mean of its tokens, None where the engine does not tell."""

    text: str
    logprob: float | None = None


class Client:
    """``url`` ends in /v1. An engine that is still loading resets connections: ``healthy`` and ``models`` take that for a no."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.root = self.url.removesuffix("/v1")

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.root}/health", timeout=QUICK_S, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def models(self) -> list[str]:
        try:
            found = httpx.get(f"{self.url}/models", timeout=QUICK_S, trust_env=False).json()
            return [str(model["id"]) for model in found["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return []

    def answer(self, model: str, messages: Sequence[Mapping[str, str]], tokens: int) -> Said:
        """Raises ServeError."""
        body = {"model": model, "messages": list(messages), "max_tokens": tokens, "temperature": 0.0, "logprobs": True}
        found = self.post("/chat/completions", body, ANSWER_S)
        try:
            choice = found["choices"][0]
            text = choice["message"]["content"] or ""
            content = (choice.get("logprobs") or {}).get("content") or []
            values = [float(token["logprob"]) for token in content]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ServeError(f"{self.url} does not answer as OpenAI's endpoint does ({error})") from error
        return Said(text, sum(values) / len(values) if values else None)

    def load(self, name: str, path: str, in_place: bool) -> None:
        """vLLM's runtime loading; in place: new weights under the same name. Raises ServeError."""
        body = {"lora_name": name, "lora_path": path, **({"load_inplace": True} if in_place else {})}
        self.post("/load_lora_adapter", body, LOAD_S)

    def unload(self, name: str) -> None:
        self.post("/unload_lora_adapter", {"lora_name": name}, LOAD_S)

    def post(self, path: str, body: Any, timeout_s: float) -> Any:
        """The JSON of the answer, or its text. Raises ServeError."""
        try:
            response = httpx.post(self.url + path, json=body, timeout=timeout_s, trust_env=False)
        except httpx.HTTPError as error:
            raise ServeError(f"{self.url}{path}: {error or type(error).__name__}", "See its log: procy serve status") from error
        if response.status_code != 200:
            said = response.text.strip()[:300] or "nothing"
            raise ServeError(f"{self.url}{path}: HTTP {response.status_code}: {said}", "See its log: procy serve status")
        try:
            return response.json()
        except ValueError:
            return response.text
