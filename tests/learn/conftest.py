"""The scripted agent's bench, for runs that are really made."""

from tests.evolve.conftest import bench

__all__ = ["bench"]
