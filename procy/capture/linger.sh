#!/bin/sh
# linger.sh ENVIRONMENT COMMAND…: the first program of a recorded pane.
# Takes over the environment of whoever asked for the pane, runs COMMAND as the pane's foreground job (so that tmux sees its
# name), does not let it stay suspended (there is no shell to go back to), and stays a moment after it: a pane that closes
# at once takes the last bytes of its program with it.
. "$1"
rm -f "$1"
shift
set -m
"$@"
status=$?
while [ "$status" -ge 146 ] && [ "$status" -le 150 ] && jobs %% >/dev/null 2>&1; do
    fg >/dev/null 2>&1
    status=$?
done
sleep 0.3
exit "$status"
