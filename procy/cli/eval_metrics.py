"""``procy eval metrics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from procy.cli.common import db_option, json_option, one_line, places_of, print_json, table
from procy.cli.eval_common import change_text, evaluator_here, number, status_text
from procy.evaluate.contract import Contract, Metric
from procy.store import evaluations
from procy.store.read import short
from procy.ui import words

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 20  # of a trend


@click.command("metrics", short_help="Show every result so far, and trends.")
@click.option("--name", default="", help="Which evaluator (default: the newest of the work tree).")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many results, the newest.")
@json_option
@db_option
def metrics_command(name: str, limit: int, as_json: bool, db: str | None) -> None:
    """Show every result so far: values, changes, and the trend of each metric.

    Changes are against the result before, of the same run of procy evolve where one took it (FOR). Trends are those of procy
    eval run, or of all where there is none; NOW is compared with the one before it, the first and the best.
    """
    places = places_of(db)
    with evaluator_here(places, name) as (connection, repo, evaluator):
        rows = evaluations.history(connection, str(repo.root), evaluator.name)
    if as_json:
        print_json([{key: value for key, value in row.items() if key != "output"} for row in rows[-limit:]])
        return
    if not rows:
        click.echo("there is no result yet: procy eval run", err=True)
        return
    contract = evaluator.contract
    show_rows(contract, rows, limit)
    show_trends(contract, [row for row in rows if row["evaluator_sha"] == evaluator.sha256])


def taken_for(row: Mapping[str, Any]) -> str:
    """Which try of which run; "" for one of ``procy eval run``."""
    return f"{short(row['run_id'])} try {row['seq']}" if row["run_id"] else ""


def show_rows(contract: Contract, rows: Sequence[Mapping[str, Any]], limit: int) -> None:
    shown = []
    last: dict[tuple[str, str, str], Mapping[str, float]] = {}
    for row in rows:
        key = (row["evaluator_sha"], row["stage"], row["run_id"] or "")
        before = last.get(key, {})
        cells = {
            "WHEN": words.clock(row["started_at"]),
            "COMMIT": row["commit_sha"][:10],
            "FOR": taken_for(row),
            "STAGE": row["stage"],
            "STATUS": status_text(row["status"]),
        }
        for metric in contract.metrics:
            value = row["metrics"].get(metric.name)
            change = change_text(metric, before.get(metric.name), value) if row["status"] == "ok" else ""
            cells[metric.name] = f"{number(value)} {change}".strip()
        cells["WHY"] = one_line(row["reason"] or "", 60)
        if row["status"] == "ok":
            last[key] = row["metrics"]
        shown.append(cells)
    shown = shown[-limit:]
    columns = ["WHEN", "COMMIT", "FOR", "STAGE", "STATUS", *(metric.name for metric in contract.metrics), "WHY"]
    table(shown, [name for name in columns if name not in ("FOR", "WHY") or any(row[name] for row in shown)])


def show_trends(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> None:
    """Of the good results of this very evaluator in its full stage."""
    click.echo()
    full = [row for row in rows if row["status"] == "ok" and row["stage"] == "full"]
    good = [row["metrics"] for row in full if not row["run_id"]] or [row["metrics"] for row in full]
    lines = []
    for metric in contract.metrics:
        values = [one[metric.name] for one in good if metric.name in one]
        if values:
            best = max(values, key=metric.larger_is_better)
            lines.append(
                {
                    "METRIC": metric.name + (" *" if metric.name == contract.objective else ""),
                    "TREND": trend(values),
                    "NOW": number(values[-1]),
                    "LAST": against(metric, values[-2], values) if len(values) > 1 else "",
                    "FIRST": against(metric, values[0], values),
                    "BEST": against(metric, best, values),
                }
            )
    table(lines, ("METRIC", "TREND", "NOW", "LAST", "FIRST", "BEST"))


def against(metric: Metric, old: float, values: Sequence[float]) -> str:
    """An earlier value, and how the last one differs from it."""
    return f"{number(old)} {change_text(metric, old, values[-1])}"


def trend(values: Sequence[float]) -> str:
    """A bar for each value, the last ``WIDTH`` of them: high is large."""
    shown = values[-WIDTH:]
    low, high = min(shown), max(shown)
    if low == high:
        return BARS[3] * len(shown)
    return "".join(BARS[round((value - low) / (high - low) * (len(BARS) - 1))] for value in shown)
