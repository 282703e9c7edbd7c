"""Training the proxy model: what is wanted, where it is done, and how it goes. The work itself is in ``train/``, by torch."""
