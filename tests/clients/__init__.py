"""Real coding agents, installed, housed and driven for tests."""
