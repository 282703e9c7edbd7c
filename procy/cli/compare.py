"""``procy compare``: whether an adapter is better."""

from __future__ import annotations

from typing import Any

import click

from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.serve import database, progress
from procy.settings import load_settings


@click.command("compare")
@click.argument("adapter", default="last")
@click.option("--against", default="base", show_default=True, metavar="base|ADAPTER", help="What it is compared with.")
@click.option("--data", default="", metavar="FOLDER|FILE", help="Held-out rows (default: of its training, else a fresh export).")
@click.option("--base", default="", metavar="MODEL", help="Folder of its base here, where that is another than it was.")
@click.option(
    "--control", default="", metavar="ADAPTER", help="One that was trained on scrambled corrections, to show beside it."
)
@click.option("--rows", type=click.IntRange(1), default=1000, show_default=True, help="Held-out rows at most.")
@click.option("--run", "runs", multiple=True, metavar="RUN", help="Compare by these runs instead, with the adapter and without.")
@click.option("--begin", type=click.IntRange(2), metavar="SEEDS", help="Begin such runs, two for each seed, and compare by them.")
@click.option("--tries", type=click.IntRange(1), default=4, show_default=True, help="Of each run that is begun.")
@click.option("--goal", default="", help="Of runs that are begun (default: improve what the evaluator measures).")
@click.option("--agent", default="", metavar="COMMAND", help="Of runs that are begun (default: the configured one).")
@click.option("--evaluator", default="", metavar="NAME", help="Of runs that are begun (default: the newest of the work tree).")
@click.option("--budget", multiple=True, metavar="WHAT=AMOUNT", help="Of all runs that are begun: time=2h tokens=5M usd=3 …")
@click.option("-y", "--yes", is_flag=True, help="Begin without asking.")
@click.option("--seed", type=int, default=0, help="Of the bootstrap.")
@json_option
@db_option
def compare_command(  # noqa: PLR0913
    adapter: str, against: str, data: str, base: str, control: str, rows: int, runs: tuple[str, ...], as_json: bool,
    db: str | None, **given: Any,
) -> int:  # fmt: skip
    """Measure whether ADAPTER (default: the newest) is better than its base or another adapter.

    On held-out pairs: how likely the right prompt is, which side of a pair is preferred, what is really written; style and
    content apart, each with its interval, beside a control with scrambled answers. It is better only where all of it says so;
    else it is said how many pairs such a claim would need. The result is kept, and procy serve trained looks at it.

    With --run: by the scores of runs from the same start, with the adapter and without, paired by their seed. With --begin: such
    runs are begun in this work tree, without a screen, and carried out one after the other; what they cost is said before.
    """
    from procy.learn.compare.order import Order, compare

    if runs and given["begin"]:
        raise click.UsageError("--run names runs that there are, --begin begins others")
    places = places_of(db)
    with database(places):
        pass
    settings = load_settings(places)
    row: dict[str, Any] | None
    if runs or given["begin"]:
        from procy.cli.compare_runs import compare_by_runs

        row = compare_by_runs(places, settings, (adapter, against), runs, given)
    else:
        order = Order(adapter=adapter, against=against, data=data, base=base, control=control, rows=rows, seed=given["seed"])
        with progress() as said:
            row = compare(places, settings, order, said)
    if row is None:
        return 1
    print_json(row) if as_json else show(row)
    return 0


def show(row: dict[str, object]) -> None:
    from procy.learn.compare.words import lines_of

    for line in lines_of(row):
        click.echo(line)
