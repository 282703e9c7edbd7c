"""What a metric's name tells about it, where nobody says more. Pure."""

from __future__ import annotations

import re

from procy.evaluate.contract import Direction, Kind

RATE = re.compile(r"per_?(s|sec|second|ms|min)s?\b|throughput|speed|(^|_)(qps|rps|tps|ops|fps|iops|hz)(_|$)")
SMALLER = re.compile(
    r"time|latency|duration|elapsed|error|loss|cost|bytes|memory|size|cycles|misses|regret|violation|penalty|fail"
    r"|(^|_)(ms|us|ns|s|sec|secs|seconds|mb|kb|gb|mib|kib|rss|err|errs|mse|rmse|mae|mape|wer|cer|ppl|p50|p90|p95|p99)(_|$)"
)
TIME = re.compile(r"time|latency|duration|elapsed|(^|_)(ms|us|ns|s|sec|secs|seconds|p50|p90|p95|p99)(_|$)")


def direction_of(name: str) -> Direction:
    """Minimise what names a cost; everything else is better when larger."""
    text = plain(name)
    return "minimize" if SMALLER.search(text) and not RATE.search(text) else "maximize"


def kind_of(name: str) -> Kind:
    text = plain(name)
    return "time" if RATE.search(text) or TIME.search(text) else ""


def plain(name: str) -> str:
    """``buildTimeMs`` and ``build-time.ms`` as ``build_time_ms``, ``op/s`` as ``op_per_s``."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("/", "_per_")).lower())
