#!/bin/sh
# The tmux plugin. TPM runs this file; by hand: run-shell /path/to/procy.tmux. What each option means is in docs/tmux.md.
#
# It reads the options, binds the keys that are free and puts formats into the status line: three calls of tmux, and
# nothing that stays. Loading it again changes nothing. Options with a dash are the user's (@procy-status), those with an
# underscore are procy's (@procy_state).

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
parts=$here/procy/tmux
venv=$here/.venv
if [ ! -d "$parts" ]; then # installed by pip: this file lies in the package, and that in lib/python3.N/site-packages
    parts=$here/tmux
    venv=$here/../../../..
fi
. "$parts/load.sh"

# What the user may set, and what holds where nothing is set.
options='
@procy-command
@procy-status on
@procy-window on
@procy-popup-width 80%
@procy-popup-height 80%
@procy-key-menu P
@procy-key-prompt !
@procy-key-record R
@procy-key-next N
@procy-key-answer A
@procy-key-pick H
@procy-key-correct F
@procy-key-scrollback S
@procy-key-copy Y
@procy-key-pages B
@procy-key-evolve e
@procy-auto
@procy-ignore
@procy-on-change
'

# What each key does: action, note for `prefix ?`, command.
actions() {
    pane='-t #{pane_id}'
    action menu 'menu' "$(menu)"
    action prompt 'command prompt' "$(popup command prompt "$pane")"
    action record 'record this pane, or stop' "$(words record --toggle "$pane")"
    action next 'go to the next pane that waits' "$(words next -c '#{q:client_name}')"
    action answer 'answer what the agent asks' "$(if_one_waits "$(popup answer answer "$pane")")"
    action pick 'pick an old prompt' "$(popup prompts pick "$pane")"
    action correct 'correct the last prompt and send it again' "$(popup correct correct "$pane" --send)"
    action scrollback 'scrollback of the session' "$(popup scrollback scrollback "$pane")"
    action copy 'copy the last answer or code' "$(popup copy copy "$pane")"
    action pages 'open the pages' "$(words open "$pane")"
    action evolve 'evolve the prompt' "$(popup evolve prompt "$pane" evolve)"
}

read_options
find_program
judge_keys
{
    own_options
    cat "$parts/formats.conf"
    put_segment
    put_marks
    unbind_old_keys
    actions
    tend_server
} | tmux source-file -
