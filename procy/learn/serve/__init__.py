"""Serving what was trained: an engine, here or on a host, as the proxy model of every run."""

from procy.learn.serve.deploy import deploy

__all__ = ["deploy"]
