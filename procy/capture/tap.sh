#!/bin/sh
# tap.sh PYTHON TAP DIR LOCK HOME CONFIG: keeps the pane's socket (standard input) open and a tap reading from it.
# A tap that is killed is started again and reads on where the last one stopped. Exit status 75 asks for the sidecar.
# When a tap cannot even start, the bytes go to DIR/fallback.raw, unstamped, rather than nowhere.
python=$1 tap=$2 dir=$3 lock=$4
export PROCY_HOME="$5" PROCY_CONFIG="$6"
failures=0
wait=1
while :; do
    "$python" -I -S "$tap" "$dir" "$lock" 2>>"$dir/tap.log"
    case $? in
    0) exit 0 ;;
    75)
        failures=0
        "$python" -m procy.sidecar </dev/null >/dev/null 2>&1
        sleep "$wait" # a sidecar that dies at once is not asked for in a hurry
        [ "$wait" -ge 30 ] || wait=$((wait * 2))
        ;;
    137 | 143) failures=0 ;; # killed: start again at once
    *)
        failures=$((failures + 1))
        [ "$failures" -lt 20 ] || exec cat >>"$dir/fallback.raw"
        sleep 0.1
        ;;
    esac
done
