#!/bin/sh
# install.sh: for a popup. Asks, then makes an environment in the plugin's directory with procy in it, and loads the plugin.
trap 'exit 0' INT # as in shown.sh
plugin=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
venv=$plugin/.venv
python=${PYTHON:-python3}

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }

finish() {
    printf '\n  Enter closes this. '
    read -r _
    exit 0
}

give_up() {
    printf '\n\033[31m%s\033[0m\n\nBy hand:\n' "$1"
    by_hand
    finish
}

by_hand() {
    cat <<END
    $python -m venv '$venv'
    '$venv/bin/pip' install -c '$plugin/constraints.txt' -e '$plugin'
    tmux run-shell '$plugin/procy.tmux'
END
}

cat <<END

  The tmux plugin is here, but the procy command is not.
  This would put it into the plugin's own directory and change nothing else.
  pip fetches about 120 MB from your package index:

$(by_hand)

END
printf '  Go ahead? [y/N] '
read -r answer
case $answer in [yY]*) ;; *) exit 0 ;; esac

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    give_up "Python 3.10 or newer is needed, as python3. Install it, or put procy on the PATH another way."

step "1 of 3: an environment in $venv"
"$python" -m venv "$venv" || give_up 'The environment could not be made. On Debian and Ubuntu: apt install python3-venv'

step '2 of 3: procy and what it needs'
"$venv/bin/python" -m pip install --disable-pip-version-check -c "$plugin/constraints.txt" -e "$plugin" ||
    give_up 'pip could not install it; its own words are above.'

step '3 of 3: loading the plugin'
"$plugin/procy.tmux" || give_up 'The plugin could not be loaded.'
printf '\n  Done. prefix + %s opens the menu, prefix + ? lists the keys.\n' "$(tmux show-options -gqv @procy-key-menu)"
finish
