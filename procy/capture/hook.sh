#!/bin/sh
# hook.sh DIR                    spools the JSON on standard input as one whole file in DIR
# hook.sh DIR [PROGRAM …] JSON   spools its last argument, then runs PROGRAM … JSON in its place
# Prints nothing of its own and does not fail: an agent must not notice it.
dir=$1
shift
spool() {
    [ -d "$dir" ] || return 0
    umask 077
    beside=$(mktemp "$dir/.hook.XXXXXX") || return 0
    cat >"$beside"
    mv "$beside" "$dir/$(date +%s)-${beside##*.hook.}.json"
}
if [ "$#" -eq 0 ]; then
    spool 2>/dev/null
    exit 0
fi
for last; do :; done
printf '%s' "$last" | spool 2>/dev/null
[ "$#" -gt 1 ] && exec "$@"
exit 0
