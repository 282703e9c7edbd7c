"""Headless agents: JSONL in, JSONL out, unchanged, recorded, and restartable by state."""
