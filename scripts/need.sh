#!/bin/sh
# need.sh PROGRAM PACKAGE…: installs packages through the system's package manager when PROGRAM is missing, and says so.
# Fails with the command to run by hand when it may not.
program=$1
shift
command -v "$program" >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1; then
    root=""
    [ "$(id -u)" -eq 0 ] || root=sudo
    if [ "$root" ] && ! command -v sudo >/dev/null 2>&1; then
        echo "procy: $program is missing, and there is no sudo to install it with; as root: apt-get install $*" >&2
        exit 1
    fi
    echo "procy: $program is missing; installing with: ${root:+$root }apt-get install $*" >&2
    { $root apt-get update -qq && $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null && exit 0
elif command -v brew >/dev/null 2>&1; then
    echo "procy: $program is missing; installing with: brew install $*" >&2
    brew install "$@" && exit 0
fi
echo "procy: $program could not be installed; please install it by hand: $*" >&2
exit 1
