"""The gateway for an agent that procy starts."""

from __future__ import annotations

from collections.abc import Callable

from procy.errors import ConfigError
from procy.gateway import launch
from procy.gateway.tokens import read_tokens
from procy.places import Places
from procy.settings import Settings
from procy.types import Endpoint

FAMILY = {"claude-code": ("claude", "https://api.anthropic.com"), "codex": ("codex", "https://api.openai.com/v1")}


def endpoint_for(places: Places, settings: Settings, profile: str) -> Callable[[str], Endpoint]:
    """By the id of a session; starts the gateway where it is not up. Raises ConfigError where its calls would go nowhere."""
    service, example = FAMILY.get(profile, ("", ""))
    if service and not any(one.service == service for one in settings.upstreams.values()):
        remedy = f'Write it into {places.config}: [upstreams.NAME] service = "{service}", base_url = "{example}", active = true'
        raise ConfigError(f"the gateway has no upstream for {service}", remedy)
    found, tokens = launch.up(places), read_tokens(places)

    def of_session(session_id: str) -> Endpoint:
        return Endpoint(found.url("claude"), found.url("codex"), found.url("openai"), tokens.of_session(session_id))

    return of_session
