"""Training data as files: rows in TRL's columns, a manifest, a card."""
