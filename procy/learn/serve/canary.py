"""Whether what answers is the adapter that was trained: three stored prompts, asked again. Pure but for ``ask``.

An engine may take an adapter of another base without a word, and answer differently; or match no module, and answer as the base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from procy.learn.serve.adapter import Probe
from procy.learn.serve.client import Said

TOKENS = 32  # of an answer, as train/ makes them
NEAR = 0.1  # nats a token: other kernels and precisions stay well below
TOUCHED = 0.005  # that an adapter must move at least, where the words are the same


@dataclass(frozen=True, slots=True)
class Finding:
    """``fault``: why it is not the adapter; "" where it is. ``rows``: what was asked, expected and answered, for the record."""

    fault: str
    rows: tuple[dict[str, Any], ...]


def asked(probes: Sequence[Probe], ask: Callable[[Probe], Said]) -> Finding:
    said = [ask(probe) for probe in probes]
    return Finding(
        fault(probes, said), tuple({**asdict(probe), "said": asdict(one)} for probe, one in zip(probes, said, strict=True))
    )


def fault(probes: Sequence[Probe], said: Sequence[Said]) -> str:
    """In words; "" for none."""
    pairs = list(zip(probes, said, strict=True))
    if not pairs:
        return "the adapter has no stored prompts to ask"
    if not any(is_other(probe.adapter, probe.adapter_logprob, Said(probe.base, probe.base_logprob)) for probe in probes):
        return "the adapter answers the stored prompts as its base does: it changes nothing there"
    wrong = [(probe, one) for probe, one in pairs if not is_same(probe.adapter, probe.adapter_logprob, one)]
    as_base = [one for probe, one in pairs if not is_other(probe.base, probe.base_logprob, one)]
    if wrong and len(as_base) == len(pairs):
        return "it answers all stored prompts as the base does: the adapter is not in effect"
    if wrong:
        probe, one = wrong[0]
        return f"{len(wrong)} of {len(pairs)} stored prompts are answered otherwise than when it was trained: {told(probe, one)}"
    return ""


def is_same(text: str, logprob: float | None, said: Said) -> bool:
    """The same words about as likely; or, where a near tie fell the other way, words that begin alike and are as likely."""
    near = None if logprob is None or said.logprob is None else abs(logprob - said.logprob) <= NEAR
    if text.strip() == said.text.strip():
        return near is not False
    return bool(near) and 2 * len(common(text, said.text)) >= min(len(text), len(said.text)) > 0


def is_other(text: str, logprob: float | None, said: Said) -> bool:
    if text.strip() != said.text.strip():
        return True
    return logprob is not None and said.logprob is not None and abs(logprob - said.logprob) > TOUCHED


def common(one: str, other: str) -> str:
    """The beginning that both have."""
    length = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def told(probe: Probe, said: Said) -> str:
    likely = (
        "" if said.logprob is None or probe.adapter_logprob is None else f" ({said.logprob:.2f} for {probe.adapter_logprob:.2f})"
    )
    return f"{said.text[:60]!r} for {probe.adapter[:60]!r}{likely}"
