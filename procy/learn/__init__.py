"""What is learned from: corrections and verdicts of humans, and what runs measured; and that as training data."""
