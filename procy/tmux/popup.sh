#!/bin/sh
# popup.sh CLIENT PANE TITLE WORDS...: `procy WORDS...` in a popup over PANE, in its directory. Without a procy: the install.
client=$1 pane=$2 title=$3
shift 3

{
    read -r version
    read -r lines
    read -r width
    read -r height
    IFS= read -r program
} <<END
$(tmux display-message -p -t "$pane" '#{version}
#{client_height}
#{@procy-popup-width}
#{@procy-popup-height}
#{@procy_program}')
END

[ "${lines:-99}" -ge 20 ] || { width=100% && height=100%; } # a small terminal has no room beside a popup

if [ "$program" ]; then
    set -- sh "$(dirname -- "$0")/shown.sh" "$program" "$@"
else
    title=install
    set -- sh "$(dirname -- "$0")/install.sh"
fi
case $version in
3.2*) ;; # no title, no choice of border
*) set -- -b rounded -T " procy: $title " "$@" ;;
esac
# tmux expands the directory itself: no shell sees what a program in the pane called it.
exec tmux display-popup -E -c "$client" -t "$pane" -w "$width" -h "$height" -d '#{pane_current_path}' "$@"
