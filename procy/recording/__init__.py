"""A recording as one thing: raw in the database and in the spool, read back and made into turns."""
