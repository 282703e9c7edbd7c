"""The demonstration: a scripted agent, recorded through the real path, with nothing needed but tmux."""
