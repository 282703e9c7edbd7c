#!/bin/sh
# hook.sh DIR                    spools the JSON on standard input as one whole file in DIR
# hook.sh DIR [PROGRAM …] JSON   spools its last argument, then runs PROGRAM … JSON in its place
# hook.sh DIR --status COMMAND   keeps the JSON on standard input as DIR/status, then runs COMMAND, sh code, with the same
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
keep() (
    [ -d "$dir" ] || return 0
    umask 077
    beside=$(mktemp "$dir/.status.XXXXXX") || return 0
    printf '%s\n' "$1" >"$beside" && mv "$beside" "$dir/status" || rm -f "$beside"
)
if [ "$#" -eq 0 ]; then
    spool 2>/dev/null
    exit 0
fi
if [ "$1" = --status ]; then
    json=$(cat)
    keep "$json" 2>/dev/null
    exec /bin/sh -c "$2" <<END
$json
END
fi
for last; do :; done
printf '%s' "$last" | spool 2>/dev/null
[ "$#" -gt 1 ] && exec "$@"
exit 0
