"""procy's own calls of models: through the gateway where it runs and knows the endpoint, so that they are recorded too."""

from __future__ import annotations

from procy.gateway import address
from procy.gateway.tokens import read_tokens
from procy.places import Places
from procy.settings import Settings


def own_way(places: Places, settings: Settings, url: str, session_id: str) -> str:
    """The address to ask instead of ``url``, which is that of an upstream; ``url`` itself where no gateway has it.

    The calls are told to come from a session. Reads a file, so it may be asked before each call.
    """
    name = next((one.name for one in settings.upstreams.values() if same(one.base_url, url)), "")
    found = address.running(places) if name else None
    if found is None:
        return url
    return f"{found.url('openai')}/p/{read_tokens(places).of_session(session_id)}/u/{name}/v1"


def same(left: str, right: str) -> bool:
    """A version at the end does not count."""
    return left.rstrip("/").removesuffix("/v1") == right.rstrip("/").removesuffix("/v1")
