"""Masking of keys and tokens in derived text. Pure.

Only forms that are a secret by their shape are masked, so that code and prose stay as they are: the published prefixes
of well-known issuers, private key blocks, passwords in URLs, bearer headers and upper-case environment assignments.
A form is only searched for where one of its hints occurs, which keeps ordinary text fast.
"""

import re
from typing import NamedTuple


class Form(NamedTuple):
    """``kept`` in the pattern is put back in front of the mask."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def form(name: str, hints: str, pattern: str) -> Form:
    return Form(name, tuple(hints.split()), re.compile(pattern, re.DOTALL))


FORMS = (
    form("private-key", "PRIVATE", r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----.*?(?:-----END \1-----|\Z)"),
    form("anthropic-key", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    form("openai-key", "sk-", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}"),
    form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{40,})"),
    form("gitlab-token", "glpat- gldt- glft- glsoat- glrt- glcbt- glptt- glagent- gloas-", r"\bgl[a-z]+-[\w-]{20,}"),
    form("aws-key", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    form("google-key", "AIza", r"\bAIza[\w-]{35}"),
    form("slack-token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    form("stripe-key", "k_live_", r"\b[rs]k_live_[0-9A-Za-z]{24,}"),
    form("huggingface-token", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    form("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    form("pypi-token", "pypi-AgE", r"\bpypi-AgE[\w-]{50,}"),
    form("sendgrid-key", "SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    form("jwt", "eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    form("password", "://", r"(?P<kept>://[^\s/:@]+:)[^\s/@]{3,}(?=@)"),
    form("bearer", "earer ", r"(?P<kept>\b[Bb]earer )[A-Za-z0-9._~+/-]{20,}=*"),
    form(
        "assignment",
        "SECRET TOKEN PASSWORD PASSWD API_KEY APIKEY ACCESS_KEY",
        r"(?P<kept>\b[A-Z0-9_]*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_KEY|APIKEY|ACCESS_KEY)[A-Z0-9_]*=)"
        r"([\"']?)[^\s\"'$(){}<>\[\]]{8,}\2",
    ),
)


def mask(text: str) -> str:
    """The text with every secret replaced by ``[redacted:form]``."""
    for name, hints, pattern in FORMS:
        if any(hint in text for hint in hints):
            text = pattern.sub(lambda match, name=name: f"{match.groupdict().get('kept', '')}[redacted:{name}]", text)
    return text
