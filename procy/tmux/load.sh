# What procy.tmux is made of. Functions print lines of tmux configuration, unless their comment says otherwise.

HOOK='client-attached[8123]' # an index of our own: setting it again replaces it
LINE='
'
FORMATS='status-left status-right window-status-format window-status-current-format'
ROOM=60 # columns that the segment may need

# -- options ------------------------------------------------------------------------------------------------------------

# replaced TEXT OLD NEW: prints TEXT with every OLD, literally, as NEW.
replaced() {
    rest=$1
    while :; do
        case $rest in
        *"$2"*) printf '%s%s' "${rest%%"$2"*}" "$3" && rest=${rest#*"$2"} ;;
        *) printf '%s' "$rest" && return ;;
        esac
    done
}

# A word of tmux configuration that means exactly this text.
quoted() {
    printf "'%s'" "$(replaced "$1" "'" "'\\''")"
}

# Sets $answers: a line "NAME VALUE" for each option, for what the segment and the marks go into, and for a few facts.
# Options that the user has not set get their default, so that other scripts can read them from tmux.
read_options() {
    format='client #{client_name}
said #{@procy_said}
room-left #{@procy_room_left}
room-right #{@procy_room_right}'
    set --
    for name in $FORMATS status-left-length status-right-length; do
        set -- "$@" show-options -gv "$name" ';'
    done
    while read -r name default; do
        [ "$name" ] || continue
        set -- "$@" set-option -goq "$name" "$default" ';'
        format="$format
$name #{$name}"
    done <<END
$options
END
    answers=$(tmux "$@" display-message -p "$format" | {
        for name in $FORMATS status-left-length status-right-length; do
            IFS= read -r value && printf '%s %s\n' "$name" "$value"
        done
        cat
    })
}

# Prints the value of an option from $answers. This and what follows starts no process: a load shall be quick.
option() {
    case $LINE$answers in *"$LINE$1 "*) ;; *) return 0 ;; esac
    rest=$LINE$answers$LINE
    rest=${rest#*"$LINE$1 "}
    printf '%s' "${rest%%"$LINE"*}"
}

# Sets $program: the procy command, "" when there is none.
find_program() {
    program=$(option @procy-command)
    case $program in '~/'*) program=$HOME/${program#??} ;; esac
    [ "$program" ] || [ ! -x "$venv/bin/procy" ] || program=$venv/bin/procy
    program=$(command -v -- "${program:-procy}")
}

own_options() {
    printf 'set-option -g @procy_program %s\n' "$(quoted "$program")"
    printf 'set-option -g @procy_parts %s\n' "$(quoted "$parts")"
    printf 'set-option -g @procy_skipped %s\n' "$(quoted "$(verdicts skip)")"
}

# -- keys ---------------------------------------------------------------------------------------------------------------

# Sets $judged, what is to happen to which key (see keys.awk), and $bound of it. Wanted keys go through a table of their own,
# because only tmux knows how it writes a key: ^r is C-r. There is one more in it, for tmux 3.7 lists no table of one.
judge_keys() {
    wanted=$(printf '%s\n' "$answers" | sed -n '/^@procy-key-[a-z]* none$/d; s/^@procy-key-\([a-z]*\) \(.\)/wanted \1 \2/p')
    [ "$program" ] || wanted=$(printf '%s\n' "$wanted" | grep '^wanted menu ')
    judged=$({
        printf '%s\n' "$wanted"
        ask_for_keys | tmux source-file - 2>/dev/null
    } | awk -f "$parts/keys.awk")
    bound=$LINE$(verdicts bind)
}

ask_for_keys() {
    printf 'bind-key -T procy-wanted User0 display-message -\n'
    while read -r _ action key; do
        [ ! "$action" ] || printf 'bind-key -T procy-wanted %s display-message %s\n' "$(quoted "$key")" "$action"
    done <<END
$wanted
END
    printf 'list-keys -T prefix\nlist-keys -T procy-wanted\nunbind-key -a -q -T procy-wanted\n'
}

# Prints what was judged: "ACTION KEY" for bind and skip, "KEY" for unbind.
verdicts() {
    while read -r verdict rest; do
        [ "$verdict" != "$1" ] || printf '%s\n' "$rest"
    done <<END
$judged
END
}

unbind_old_keys() {
    verdicts unbind | while read -r key; do
        case $key in
        !) printf 'bind-key -N "Break pane to a new window" ! break-pane\n' ;; # what tmux has there
        *) printf 'unbind-key %s\n' "$key" ;;
        esac
    done
}

# action NAME NOTE COMMAND: binds the action's key, if it has one.
action() {
    key=${bound#*"$LINE$1 "}
    [ "$key" = "$bound" ] || printf 'bind-key -N "procy: %s" %s %s\n' "$2" "${key%%"$LINE"*}" "$3"
}

# Commands for a key. tmux expands formats in them, and nothing but ids and what procy set itself may stand there: a title
# or a path is text that a program in the pane controls.
menu() {
    printf 'run-shell -b "exec sh #{q:@procy_parts}/menu.sh #{q:client_name} #{pane_id}"'
}

# popup TITLE WORDS...: `procy WORDS...` in a popup.
popup() {
    printf 'run-shell -b "exec sh #{q:@procy_parts}/popup.sh #{q:client_name} #{pane_id} %s"' "$*"
}

# COMMAND, where an agent of this server waits, or a prompt of a run with --ask: its progress ends with a question mark then.
if_one_waits() {
    printf "if-shell -F '#{||:#{@procy_waiting},#{m:*[?]*,#{@procy_evolve}}}' %s 'display-message -d 4000 \"procy: no agent waits for an answer\"'" "$(quoted "$1")"
}

# words WORDS...: what `procy WORDS...` says, in the status line.
words() {
    printf 'run-shell -b "exec sh #{q:@procy_parts}/words.sh #{q:client_name} %s"' "$*"
}

# -- status line --------------------------------------------------------------------------------------------------------

is_on() {
    case $(option "$1") in on | yes | true | 1) ;; *) false ;; esac
}

# The segment goes where #{procy} stands; where it stands nowhere, and the user wants it, it goes before status-right.
put_segment() {
    left=$(placed "$(option status-left)" procy segment)
    right=$(placed "$(option status-right)" procy segment)
    case $left$right in
    *'#{E:@procy_segment}'*) ;;
    *) is_on @procy-status && right="#{E:@procy_segment_auto}$right" ;;
    esac
    change status-left "$left"
    change status-right "$right"
    make_room left "$left"
    make_room right "$right"
}

# A window's mark goes where #{procy_window} stands, else, if the user wants it, behind what is there.
put_marks() {
    for name in window-status-format window-status-current-format; do
        text=$(placed "$(option $name)" procy_window mark)
        case $text in
        *'#{E:@procy_mark}'*) ;;
        *) is_on @procy-window && text="$text#{E:@procy_mark_auto}" ;;
        esac
        change $name "$text"
    done
}

# placed TEXT PLACEHOLDER NAME: prints TEXT with the format @procy_NAME for the placeholder, and without what an earlier load
# put there by itself.
placed() {
    replaced "$(replaced "$1" "#{$2}" "#{E:@procy_$3}")" "#{E:@procy_$3_auto}" ''
}

change() {
    [ "$2" = "$(option "$1")" ] || printf 'set-option -g %s %s\n' "$1" "$(quoted "$2")"
}

# Room for the segment on a side of the status line, once.
make_room() {
    case $2 in *'#{E:@procy_segment'*) ;; *) return 0 ;; esac
    length=$(option "status-$1-length")
    [ "$length" != "$(option "room-$1")" ] || return 0
    printf 'set-option -g status-%s-length %d\n' "$1" $((length + ROOM))
    printf 'set-option -g @procy_room_%s %d\n' "$1" $((length + ROOM))
}

# -- the server ---------------------------------------------------------------------------------------------------------

tend_server() {
    [ "$program" ] || {
        say_once_that_procy_is_missing
        return
    }
    if [ "$(option @procy-auto)$(option @procy-on-change)" ]; then
        watch='run-shell -b "#{q:@procy_program} tmux watch >/dev/null 2>&1 || :"'
        printf "set-hook -g '%s' %s\n%s\n" "$HOOK" "$(quoted "$watch")" "$watch"
    else
        printf "set-hook -gu '%s'\n" "$HOOK"
    fi
    # once a server: after a reboot what was cut off is recorded again, or offered, when all plugins are loaded
    again='sleep 2; #{q:@procy_program} resume --started >/dev/null 2>&1 || :' # tmux shows a job that fails
    printf '%s\n' "if-shell -F '#{@procy_restored}' '' {
    set-option -g @procy_restored 1
    run-shell -b $(quoted "$again")
}"
    # tmux-resurrect runs this text with sh; what the user has there runs before
    printf '%s\n' "if-shell -F '#{m:*@procy_program*,#{@resurrect-hook-post-restore-all}}' '' {
    set-option -ga @resurrect-hook-post-restore-all '
\"\$(tmux show-options -gv @procy_program)\" resume --restored'
}"
}

# At once where somebody looks, else to the first who attaches.
say_once_that_procy_is_missing() {
    [ ! "$(option said)" ] || return 0
    text='procy: no procy command found. prefix + #{@procy-key-menu} installs it.'
    say="display-message -d 10000 \"$text\""
    printf 'set-option -g @procy_said 1\n'
    if [ "$(option client)" ]; then
        printf '%s\n' "$say"
    else
        printf "set-hook -g '%s' %s\n" "$HOOK" "$(quoted "$say ; set-hook -gu '$HOOK'")"
    fi
}
