"""By what a call names the conversation it belongs to."""

from __future__ import annotations

from procy.gateway.call import Headers

CONVERSATION = (  # headers in which agents name it; the first that is there counts
    "x-claude-code-session-id",  # Claude Code, since 2.1.86
    "thread-id",  # Codex: the name of the rollout, also of a sub-agent's
    "session-id",
    "session_id",  # older ones
    "conversation_id",
    "x-session-id",  # OpenCode (1.18.33)
)
REQUEST = ("request-id", "x-request-id")  # of replies: Claude Code writes it into its transcript as requestId


def conversation_of(headers: Headers) -> str | None:
    """As its transcript is called; a sub-agent of Claude Code has one of its own (2.1.329)."""
    helper = first_of(headers, ("x-claude-code-agent-id",))
    return f"agent-{helper}" if helper else first_of(headers, CONVERSATION)


def request_of(headers: Headers) -> str | None:
    return first_of(headers, REQUEST)


def first_of(headers: Headers, names: tuple[str, ...]) -> str | None:
    found = {name: value for name, value in reversed(headers) if value}
    return next((found[name][:200] for name in names if name in found), None)
