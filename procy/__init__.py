"""procy records coding agents in tmux panes and helps to ask them better."""

__version__ = "0.1.0"
