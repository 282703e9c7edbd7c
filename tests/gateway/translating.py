"""Steering that does nothing but translate."""

from __future__ import annotations

from dataclasses import dataclass

from procy.gateway.call import Call
from procy.gateway.steering import Attempt, Sent, Unsteered
from procy.gateway.translated import translated


@dataclass(frozen=True, slots=True)
class Translating(Unsteered):
    quirks: tuple[str, ...] = ()

    def change(self, call: Call, attempt: Attempt) -> Sent:
        sent = Sent(call.path, call.query, call.headers, call.body)
        return translated(call, attempt, sent, self.quirks) or sent


def to(service: str, url: str, wire: str, *quirks: str) -> Translating:
    """All calls of the service go to that address, in that wire."""
    return Translating({service: Attempt("other", url, wire=wire)}, quirks)
