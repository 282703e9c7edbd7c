#!/bin/sh
# words.sh CLIENT WORDS...: runs `procy WORDS...` and shows the last line of what it says in the client's status line.
client=$1
shift
program=$(tmux show-options -gqv @procy_program)
said=$("$program" "$@" 2>&1 | tail -n 1 | sed 's/[#%]/&&/g') # display-message expands formats and times
[ "$said" ] || exit 0
# tmux 3.2 takes no -c here: there it is the client used last
tmux display-message -c "$client" -d 4000 -- "$said" 2>/dev/null || tmux display-message -d 4000 -- "$said"
