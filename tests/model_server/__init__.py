"""A scripted model server for tests; `scenario` says what it answers."""

from .server import ModelServer

__all__ = ["ModelServer"]
