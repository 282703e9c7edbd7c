"""Headless agents' JSONL: what its lines say, in one form for all agents. Pure."""
