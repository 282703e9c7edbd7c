"""What a tool is used on, of the arguments that an agent gave it. Pure."""

from typing import Any

NAMES = (  # of arguments that say it, the most telling first
    "command", "cmd", "file_path", "notebook_path", "pattern", "query", "url", "path", "description", "prompt",
    "subject", "skill",
)  # fmt: skip


def telling(arguments: Any) -> str:
    """The one argument that says what a call does, of a JSON object; "" where none of them has such a name."""
    values = [arguments.get(name) for name in NAMES] if isinstance(arguments, dict) else []
    for value in values:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return value[-1] if value[:2] == ["bash", "-lc"] else " ".join(value)
    return ""
