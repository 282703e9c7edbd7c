"""Serving an adapter as soon as it is trained: ``procy train --deploy``."""

from __future__ import annotations

from procy.errors import ServeError
from procy.places import Places
from procy.settings import Settings
from procy.store.db import open_reader


def deploy(places: Places, settings: Settings, name: str) -> None:
    """Serve it, where it was found to be better than what is served; it is compared first, if that was not done. Raises
    ProcyError."""
    from procy.learn.compare.order import Order, compare
    from procy.learn.compare.standing import refusal, rival, standing
    from procy.learn.serve.start import serve
    from procy.learn.serve.stop import forget_dead
    from procy.learn.serve.wish import Wish, draft

    forget_dead(places)
    found = draft(places, settings, Wish(adapter=name))
    if found.current:
        with open_reader(places.db) as connection:
            row = standing(connection, name, found.current)
        row = row or compare(places, settings, Order(adapter=name, against=rival(name, found.current)), print)
        if why := refusal(row, name, found.current):
            raise ServeError(*why)
    serve(places, settings, found, print)
