"""Who writes the next prompt; one a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from procy.errors import ProposerError
from procy.evolve.proposers.agent import AgentProposer
from procy.evolve.proposers.template import TemplateProposer
from procy.evolve.templates import Templates
from procy.settings import Settings
from procy.settings.evolve import PROPOSERS, check_url
from procy.tries import Proposer

ALIASES = {"proxy": "model", "fixed": "template"}  # the first procy's --evolve-policy


def default_proposer(settings: Settings) -> str:
    """By the settings: the one named there, else the model where it has a URL, else the template."""
    return settings.evolve.proposer or ("model" if settings.proxy_model.url else "template")


def asking(settings: Settings, url: str, model: str = "") -> Settings:
    """With ``--proxy-url`` and ``--proxy-model``, where they are given. Raises ConfigError."""
    found = settings.proxy_model
    url = check_url(url, "", "--proxy-url") if url else found.url
    return replace(settings, proxy_model=replace(found, url=url, model=model or found.model))


def proposer_named(
    name: str,
    settings: Settings,
    templates: Templates,
    *,
    argv: Sequence[str] = (),
    stop: threading.Event | None = None,
    way: Callable[[str], str] | None = None,
) -> Proposer:
    """``name`` "": the default. ``argv``: the command that starts the agent, for ``agent``. ``way``: the address at which the
    model of an address is to be asked now.

    ``stop`` set: whoever waits for an answer gives up with ProposerError. Raises ProposerError or ConfigError where that one
    cannot be had.
    """
    wanted = name or default_proposer(settings)
    wanted = ALIASES.get(wanted, wanted)
    if wanted == "template":
        return TemplateProposer(templates)
    if wanted == "model":
        from procy.evolve.proposers.model import ModelProposer  # late: httpx takes a tenth of a second

        return ModelProposer(settings.proxy_model, templates, stop, way)
    if wanted == "agent":
        return AgentProposer(argv, templates, settings.evolve.proposer_timeout_s, stop)
    near = get_close_matches(wanted, PROPOSERS, 1)
    remedy = f"Did you mean {near[0]}?" if near else f"There are {', '.join(PROPOSERS)}"
    raise ProposerError(f"there is no proposer {wanted!r}", remedy)
