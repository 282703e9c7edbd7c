#!/bin/sh
# shown.sh PROGRAM WORDS...: runs it; what failed, or only prints, stays in the popup until it was read.
trap 'exit 0' INT # a popup that ends by a signal makes tmux write over the pane that its job failed
"$@"
status=$?
case $status:$2 in
0:doctor | 0:resume | [!0]*) [ $status -eq 130 ] || { printf '\n  Enter closes this. ' && read -r _; } ;;
esac
