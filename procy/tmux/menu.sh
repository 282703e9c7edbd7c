#!/bin/sh
# menu.sh CLIENT PANE: the menu of what can be done with PANE. Its letters are those of the prefix keys where there are such.
client=$1 pane=$2

# The menu expands a command once when it opens and run-shell once more, hence two # before what is for the latter.
popup() { printf 'run-shell -b "exec sh ##{q:@procy_parts}/popup.sh ##{q:client_name} %s %s"' "$pane" "$*"; }
words() { printf 'run-shell -b "exec sh ##{q:@procy_parts}/words.sh ##{q:client_name} %s"' "$*"; }

IFS=' ' read -r version height program <<END
$(tmux display-message -p -t "$pane" '#{version} #{client_height} #{@procy_program}')
END
[ "$program" ] || exec sh "$(dirname -- "$0")/popup.sh" "$client" "$pane" install
# tmux shows no menu that does not fit
[ "${height:-99}" -ge 20 ] || exec sh "$(dirname -- "$0")/popup.sh" "$client" "$pane" command prompt -t "$pane"

set -- -T '#[align=centre] procy ' -x C -y C
case $version in
3.2* | 3.3*) ;; # no choice of border
*) set -- -b rounded "$@" ;;
esac
set -- "$@" '#{?@procy_state,Stop recording,#{?@procy_paused,Go on recording,Record this pane}}' r "$(words record --toggle -t "$pane")"
set -- "$@" '#{?@procy_state,Pause recording,}' p "$(words pause "$pane")"
[ "$height" -lt 25 ] || set -- "$@" ''
set -- "$@" 'Next waiting pane' n "$(words next -c '##{q:client_name}')"
set -- "$@" '#{?#{||:#{@procy_waiting},#{m:*[?]*,#{@procy_evolve}}},,-}Answer what is asked' a "$(popup answer answer -t "$pane")"
[ "$height" -lt 25 ] || set -- "$@" ''
set -- "$@" 'Command prompt' ! "$(popup command prompt -t "$pane")"
set -- "$@" 'Pick an old prompt' h "$(popup prompts pick -t "$pane")"
set -- "$@" 'Correct and send again' f "$(popup correct correct -t "$pane" --send)"
set -- "$@" 'Correct only' c "$(popup correct correct -t "$pane")"
set -- "$@" 'Evolve the prompt' e "$(popup evolve prompt -t "$pane" evolve)"
[ "$height" -lt 25 ] || set -- "$@" ''
set -- "$@" 'Scrollback' s "$(popup scrollback scrollback -t "$pane")"
set -- "$@" 'Copy answer or code' y "$(popup copy copy -t "$pane")"
set -- "$@" 'Summary of last session' l "$(popup summary summary -t "$pane" --wait)"
set -- "$@" 'Search everything' / "$(popup search prompt -t "$pane" search)"
[ "$height" -lt 25 ] || set -- "$@" ''
set -- "$@" 'Pages in the browser' b "$(words open -t "$pane")"
set -- "$@" 'Resume a session' u "$(popup resume resume)"
set -- "$@" 'Doctor' d "$(popup doctor doctor)"
exec tmux display-menu -c "$client" -t "$pane" "$@"
