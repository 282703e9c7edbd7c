"""What tmux shows in a popup: full-screen programs of a few keys, each told which pane it was opened over."""
