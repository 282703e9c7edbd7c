"""Machines reached by ssh: a kept connection, a conversation with the procy there, and commits that go there and come back."""
