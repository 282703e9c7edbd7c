"""Where spans go and how, by options and by OpenTelemetry's own variables, options first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from procy.errors import ConfigError

DEFAULT = "http://localhost:4318"
PATH = "v1/traces"
PROTOCOLS = ("http/protobuf", "http/json")
COMPRESSIONS = ("gzip", "none")
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """``url`` is the whole address; ``endpoint`` the same without a name or password, for words and files."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    protocol: str = "http/protobuf"
    compression: str = "gzip"
    timeout_s: float = TIMEOUT_S
    certificate: str = ""

    @property
    def endpoint(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def target_of(environment: Mapping[str, str], endpoint: str = "", headers: Sequence[str] = (), protocol: str = "") -> Target:
    """Raises ConfigError for what cannot be meant."""

    def variable(name: str) -> str:
        return (
            environment.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or environment.get(f"OTEL_EXPORTER_OTLP_{name}") or ""
        ).strip()

    url = endpoint or environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if endpoint or not url:
        url = with_path(endpoint or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip() or DEFAULT)
    return Target(
        url=checked(url),
        headers=(*pairs_of(variable("HEADERS").split(",")), *pairs_of(headers, strict=True)),
        protocol=one_of(protocol or variable("PROTOCOL") or PROTOCOLS[0], PROTOCOLS, "protocol"),
        compression=one_of(variable("COMPRESSION") or COMPRESSIONS[0], COMPRESSIONS, "compression"),
        timeout_s=seconds(variable("TIMEOUT")),
        certificate=variable("CERTIFICATE"),
    )


def with_path(url: str) -> str:
    return url if url.rstrip("/").endswith(f"/{PATH}") else f"{url.rstrip('/')}/{PATH}"


def checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url!r} is no address of a collector", f"Give it with --endpoint, as in {DEFAULT}")
    return url


def pairs_of(texts: Sequence[str], strict: bool = False) -> list[tuple[str, str]]:
    """``K=V``, values as in a URL. Raises ConfigError, without the value, where ``strict``."""
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if equals and name.strip():
            pairs.append((name.strip(), unquote(value.strip())))
        elif strict:
            raise ConfigError("--header takes NAME=VALUE", "As in --header authorization=Bearer%20TOKEN")
    return pairs


def one_of(value: str, known: Sequence[str], what: str) -> str:
    if value not in known:
        raise ConfigError(f"procy does not speak the OTLP {what} {value!r}", f"Use one of: {', '.join(known)}")
    return value


def seconds(text: str) -> float:
    """Of milliseconds, as the specification of the variables has it."""
    try:
        return max(float(text) / 1000, 0.1) if text else TIMEOUT_S
    except ValueError as error:
        raise ConfigError(f"OTEL_EXPORTER_OTLP_TIMEOUT={text!r} is no number", "Give it in milliseconds") from error
