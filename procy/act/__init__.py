"""What procy does to a pane: it types, and waits for what comes of it."""
