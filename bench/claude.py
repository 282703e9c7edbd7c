"""A program that procy takes for Claude Code by its name; it does nothing until its input ends."""

import sys

for _ in sys.stdin:
    pass
