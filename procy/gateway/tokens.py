"""Who may use the gateway: tokens made from a secret in the data directory, so that none of them is stored anywhere.

The general token is for the settings of clients. A pane's token names its session, and proves it: a call that bears it is
allowed, and known to come from there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache

from procy.capture.secret import read_secret
from procy.places import Places, make_home

PANE = re.compile(r"([0-9A-HJKMNP-TV-Z]{26})-([0-9a-f]{32})")
GENERAL = "procy-"


@dataclass(frozen=True, slots=True)
class Tokens:
    secret: str = field(repr=False)

    def general(self) -> str:
        return GENERAL + self._sign("general")

    def of_session(self, session_id: str) -> str:
        return f"{session_id}-{self._sign('session:' + session_id)}"

    def check(self, token: str) -> str | None:
        """The session whose token it is, "" for the general one, None for a token that is not ours."""
        if hmac.compare_digest(token.encode("utf-8", "replace"), self.general().encode()):
            return ""
        found = PANE.fullmatch(token)
        if found and hmac.compare_digest(found[2], self._sign("session:" + found[1])):
            return found[1]
        return None

    def _sign(self, text: str) -> str:
        return signature(self.secret, text)


@lru_cache(maxsize=1000)
def signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), f"procy gateway {text}".encode(), hashlib.sha256).hexdigest()[:32]


def read_tokens(places: Places) -> Tokens:
    """By the data directory's secret (``gateway.secret``, 0600), which is made where there is none."""
    make_home(places)
    cost = "clients will need the new token: procy gateway env"
    return Tokens(read_secret(os.path.join(places.home, "gateway.secret"), cost))
