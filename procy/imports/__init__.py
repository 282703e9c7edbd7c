"""What was not recorded, brought in: agents' own transcripts, bare terminal streams, casts, and the first procy's databases."""
