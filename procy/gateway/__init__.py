"""The HTTP plane: API traffic of agents passed through, steered where a rule says so, and recorded. A process of its own."""
