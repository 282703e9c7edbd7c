"""``procy gateway test``, ``build-body`` and ``quick-send``: does an upstream answer?"""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.gateway import gateway_of
from procy.errors import ConfigError
from procy.gateway import orders
from procy.gateway.address import SERVICES
from procy.gateway.helpers import responses_body
from procy.gateway.tokens import read_tokens
from procy.settings import load_settings

PATIENCE_S = 60.0
PROBES = {
    "anthropic-messages": ("/v1/messages", {"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}),
    "openai-responses": ("/v1/responses", {"input": "hi", "max_output_tokens": 16, "store": False}),
    "openai-chat": ("/v1/chat/completions", {"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}),
}


@click.command("test")
@click.argument("name", default="claude")
@click.option("--model", default="", help="Ask this model for one token; without it, only which models there are.")
@json_option
@db_option
def test_command(name: str, model: str, as_json: bool, db: str | None) -> int:
    """Ask an upstream whether it answers; with a service for NAME through the gateway, wherever its calls go now.

    Exit status 1 where it does not answer well.
    """
    return test_service(name, model, as_json, db) if name in SERVICES else test_upstream(name, model, as_json, db)


def test_upstream(name: str, model: str, as_json: bool, db: str | None) -> int:
    found = orders.test(places_of(db), name, model)
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(f"{found.status or 'nothing'} after {found.ms} ms from {found.url}\n{found.answer[:500]}")
    return 0 if found.is_well else 1


def test_service(service: str, model: str, as_json: bool, db: str | None) -> int:
    import httpx

    places = places_of(db)
    wire = {"claude": "anthropic-messages", "codex": "openai-responses", "openai": "openai-chat"}[service]
    base = f"{gateway_of(places).url(service)}/p/{read_tokens(places).general()}"
    path, body = PROBES[wire] if model else ("/v1/models", None)
    began = time.perf_counter()
    headers = {"anthropic-version": "2023-06-01"} if service == "claude" else {}
    with httpx.Client(timeout=PATIENCE_S, trust_env=False, headers=headers) as client:
        reply = client.post(base + path, json={"model": model, **body}) if body else client.get(base + path)
    told = {
        "service": service,
        "path": path,
        "status": reply.status_code,
        "ms": round((time.perf_counter() - began) * 1000),
        "answer": reply.text[:2000],
    }
    if as_json:
        print_json(told)
    else:
        click.echo(f"{reply.status_code} after {told['ms']} ms from {path}\n{reply.text[:500]}")
    return 0 if reply.status_code < 400 else 1


@click.command("build-body")
@click.argument("prompt")
@click.argument("model")
@click.option("--effort", default="", help="Reasoning effort to ask for.")
@click.option("--summary", default="", help="Reasoning summary to ask for.")
def build_body_command(prompt: str, model: str, effort: str, summary: str) -> None:
    """Print a valid request of the Responses wire, for curl."""
    wish = {"prompt": prompt, "model": model, "reasoning_effort": effort, "reasoning_summary": summary}
    click.echo(json.dumps(responses_body(wish), ensure_ascii=False, indent=2))


@click.command("quick-send")
@click.argument("prompt")
@click.argument("model")
@click.option("--lines", "max_lines", type=click.IntRange(1), default=60, show_default=True, help="Of the answer, at most.")
@db_option
def quick_send_command(prompt: str, model: str, max_lines: int, db: str | None) -> int:
    """Send a prompt through the codex port and print the first lines of the answer. Exit status 1 for an error."""
    import httpx

    places = places_of(db)
    if not load_settings(places).upstreams:
        raise ConfigError("there is no upstream", "Write one into the settings: [upstreams.NAME]")
    url = f"{gateway_of(places).url('codex')}/p/{read_tokens(places).general()}/api/codex/quick-send"
    wish = {"prompt": prompt, "model": model, "max_lines": max_lines}
    reply = httpx.post(url, json=wish, timeout=PATIENCE_S, trust_env=False)
    told = reply.json()
    click.echo("\n".join(told["lines"]) if "lines" in told else reply.text)
    return 0 if reply.status_code < 400 else 1
