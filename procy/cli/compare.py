"""``procy compare``: whether an adapter is better."""

from __future__ import annotations

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
@click.option("--seed", type=int, default=0, help="Of the bootstrap.")
@json_option
@db_option
def compare_command(  # noqa: PLR0913
    adapter: str, against: str, data: str, base: str, control: str, rows: int, runs: tuple[str, ...], seed: int, as_json: bool,
    db: str | None,
) -> None:  # fmt: skip
    """Measure whether ADAPTER (default: the newest) is better than its base or another adapter.

    On held-out pairs: how likely the right prompt is, which side of a pair is preferred, what is really written; style and
    content apart, each with its interval, beside a control with scrambled answers. It is better only where all of it says so;
    else it is said how many pairs such a claim would need. The result is kept, and procy serve trained looks at it.

    With --run: by the scores of runs from the same start, with the adapter and without, paired by their seed.
    """
    from procy.learn.compare.order import Order, compare
    from procy.learn.compare.runs import compare_runs

    places = places_of(db)
    with database(places):
        pass
    settings = load_settings(places)
    if runs:
        row = compare_runs(places, adapter, against, runs, seed)
    else:
        order = Order(adapter=adapter, against=against, data=data, base=base, control=control, rows=rows, seed=seed)
        with progress() as said:
            row = compare(places, settings, order, said)
    print_json(row) if as_json else show(row)


def show(row: dict[str, object]) -> None:
    from procy.learn.compare.words import lines_of

    for line in lines_of(row):
        click.echo(line)
