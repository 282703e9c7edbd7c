"""Settings for programs that shall go through the gateway: what to write where."""

from __future__ import annotations

from dataclasses import dataclass

from procy.gateway.address import Running

TITLES = {
    "claude": "Claude Code",
    "claude-vscode": "Claude Code in VS Code",
    "codex": "Codex",
    "factory": "Factory's Droid",
    "roo": "Roo Code",
    "aider": "aider",
    "opencode": "OpenCode",
    "openai": "anything that takes OpenAI's variables",
    "gemini": "Gemini CLI",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """``where``: the file or the place that takes ``text``."""

    where: str
    text: str


def recipe(client: str, found: Running, token: str) -> Recipe:
    """For one of ``TITLES``. None of them needs a header: the token is in the address."""
    claude, codex, openai = (f"{found.url(service)}/p/{token}" for service in ("claude", "codex", "openai"))
    recipes = {
        "claude": Recipe("a shell, before it is started", f"export ANTHROPIC_BASE_URL={claude}"),
        "claude-vscode": Recipe("~/.claude/settings.json", f'{{\n  "env": {{\n    "ANTHROPIC_BASE_URL": "{claude}"\n  }}\n}}'),
        "codex": Recipe(
            "~/.codex/config.toml",
            'model_provider = "procy"\n\n[model_providers.procy]\nname = "procy gateway"\n'
            f'base_url = "{codex}/v1"\nwire_api = "responses"\nrequires_openai_auth = true',
        ),
        "factory": Recipe(
            "~/.factory/config.json",
            '{\n  "custom_models": [\n    {\n      "model_display_name": "through procy",\n      "model": "MODEL",\n'
            f'      "base_url": "{codex}/v1",\n      "api_key": "unused",\n      "provider": "openai"\n    }}\n  ]\n}}',
        ),
        "roo": Recipe(
            "Settings, Providers: OpenAI Compatible", f"Base URL: {openai}/v1\nAPI Key: unused\nModel: the upstream's name for it"
        ),
        "aider": Recipe(
            "a shell, before it is started",
            f"export OPENAI_API_BASE={openai}/v1\nexport OPENAI_API_KEY=unused\nexport ANTHROPIC_API_BASE={claude}",
        ),
        "opencode": Recipe(
            "opencode.json",
            '{\n  "provider": {\n    "procy": {\n      "npm": "@ai-sdk/openai-compatible",\n'
            f'      "options": {{ "baseURL": "{openai}/v1", "apiKey": "unused" }},\n'
            '      "models": { "MODEL": {} }\n    }\n  }\n}',
        ),
        "openai": Recipe("a shell, before it is started", f"export OPENAI_BASE_URL={openai}/v1\nexport OPENAI_API_KEY=unused"),
        "gemini": Recipe("a shell, before it is started", f"export GOOGLE_GEMINI_BASE_URL={openai}"),
    }
    return recipes[client]
