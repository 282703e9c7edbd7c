"""What turns change in a work tree, by git and without touching it: trees where turns begin and end, and what differs."""
