"""Judging a state of the code with the user's evaluator: registered, pinned, run in a clean checkout, every sample kept."""
