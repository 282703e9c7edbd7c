"""The whole circle: record, evolve with a poor proposer, correct, export, train, serve, evolve again."""
