"""Whether an adapter makes the proxy model better, measured; and how sure that is."""
