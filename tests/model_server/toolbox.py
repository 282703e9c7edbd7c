"""The neutral tools of `scenario` as the real clients offer them: one row a client tool."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from .scenario import ToolCall


@dataclass(frozen=True)
class ClientTool:
    """A client's tool: its `name` in the request's tool list, and how neutral arguments become its own.
    `freeform` tools take one string instead of a JSON object."""

    kind: str
    name: str
    arguments: Callable[[dict], dict | str]
    freeform: bool = False
    namespace: str | None = None


def choose(call: ToolCall, offered: Collection[str]) -> ClientTool | None:
    """The first known tool of the wanted kind that the client offers."""
    return next((tool for tool in TOOLS if tool.kind == call.tool and tool.name in offered), None)


def missing(call: ToolCall) -> str:
    """What is said instead of a call that the client has no tool for; the turn ends there."""
    return f"(This client offers no {call.tool} tool.)"


def _claude_question(arguments: dict) -> dict:
    options = [{"label": choice, "description": f"Choose {choice}"} for choice in arguments["choices"]]
    return {"questions": [{"question": arguments["text"], "header": "Choice", "options": options, "multiSelect": False}]}


def _codex_question(arguments: dict) -> dict:
    options = [{"label": choice, "description": f"Choose {choice}"} for choice in arguments["choices"]]
    return {"questions": [{"id": "choice", "header": "Choice", "question": arguments["text"], "options": options}]}


def _codex_shell(arguments: dict) -> dict:
    escalation = {"sandbox_permissions": "require_escalated", "justification": "May I run this?"}
    return {"cmd": arguments["command"], "yield_time_ms": 30000} | (escalation if arguments["escalate"] else {})


def _patch_add(arguments: dict) -> str:
    body = "".join(f"+{line}\n" for line in arguments["content"].splitlines())
    return f"*** Begin Patch\n*** Add File: {arguments['path']}\n{body}*** End Patch\n"


def _patch_update(arguments: dict) -> str:
    change = f"@@\n-{arguments['old']}\n+{arguments['new']}\n"
    return f"*** Begin Patch\n*** Update File: {arguments['path']}\n{change}*** End Patch\n"


def _heredoc(patch: Callable[[dict], str]) -> Callable[[dict], dict]:
    return lambda arguments: {"cmd": f"apply_patch <<'PATCH'\n{patch(arguments)}PATCH\n"}


def _claude_agent(arguments: dict) -> dict:
    title = arguments["prompt"].split("\n")[0][:30] or "helper task"
    return {"description": title, "prompt": arguments["prompt"], "subagent_type": "general-purpose"}


def _opencode_agent(arguments: dict) -> dict:
    title = arguments["prompt"].split("\n")[0][:30] or "helper task"
    return {"description": title, "prompt": arguments["prompt"], "subagent_type": "general"}


def _opencode_question(arguments: dict) -> dict:
    options = [{"label": choice, "description": f"Choose {choice}"} for choice in arguments["choices"]]
    return {"questions": [{"question": arguments["text"], "header": "Choice", "options": options}]}


def _gemini_edit(arguments: dict) -> dict:
    change = {"old_string": arguments["old"], "new_string": arguments["new"]}
    return {"file_path": arguments["path"], "instruction": "Scripted change", **change}


def as_text(call: ToolCall) -> str:
    """A call as aider finds it in an answer: an edit block, or a command that it offers to run."""
    arguments = call.arguments
    if call.tool == "shell":
        return f"```bash\n{arguments['command']}\n```"
    if call.tool in ("write", "edit"):
        old, new = ("", arguments["content"]) if call.tool == "write" else (f"{arguments['old']}\n", f"{arguments['new']}\n")
        return f"{arguments['path']}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```"
    return missing(call)


TOOLS = (
    ClientTool("shell", "Bash", lambda a: {"command": a["command"], "description": "Scripted command"}),
    ClientTool("write", "Write", lambda a: {"file_path": a["path"], "content": a["content"]}),
    ClientTool("edit", "Edit", lambda a: {"file_path": a["path"], "old_string": a["old"], "new_string": a["new"]}),
    ClientTool("agent", "Agent", _claude_agent),
    ClientTool("question", "AskUserQuestion", _claude_question),
    ClientTool("plan", "ExitPlanMode", lambda a: {"plan": a["text"]}),
    ClientTool("shell", "bash", lambda a: {"command": a["command"], "description": "Scripted command"}),
    ClientTool("write", "write", lambda a: {"filePath": a["path"], "content": a["content"]}),
    ClientTool("edit", "edit", lambda a: {"filePath": a["path"], "oldString": a["old"], "newString": a["new"]}),
    ClientTool("agent", "task", _opencode_agent),
    ClientTool("question", "question", _opencode_question),
    ClientTool("shell", "exec_command", _codex_shell),
    ClientTool("write", "apply_patch", _patch_add, freeform=True),
    ClientTool("edit", "apply_patch", _patch_update, freeform=True),
    ClientTool("write", "exec_command", _heredoc(_patch_add)),
    ClientTool("edit", "exec_command", _heredoc(_patch_update)),
    ClientTool("agent", "spawn_agent", lambda a: {"message": a["prompt"]}, namespace="multi_agent_v1"),
    ClientTool("question", "request_user_input", _codex_question),
    ClientTool("plan", "update_plan", lambda a: {"plan": [{"step": a["text"], "status": "pending"}]}),
    ClientTool("shell", "run_shell_command", lambda a: {"command": a["command"], "is_background": False}),
    ClientTool("write", "write_file", lambda a: {"file_path": a["path"], "content": a["content"]}),
    ClientTool("edit", "replace", _gemini_edit),
    ClientTool("edit", "edit", _gemini_edit),
)
