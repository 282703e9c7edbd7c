#!/bin/sh
# tap.sh PYTHON TAP DIR LOCK HOME CONFIG DB: keeps the pane's socket (standard input) open and a tap reading from it.
# A tap that is killed is started again and reads on where the last one stopped. Exit status 75 asks for the sidecar, which
# is started beside it, less and less often if it does not live. When a tap cannot even start, the bytes go to
# DIR/fallback.raw, unstamped, rather than nowhere.
python=$1 tap=$2 dir=$3 lock=$4
export PROCY_HOME="$5" PROCY_CONFIG="$6" PROCY_DB="$7"
failures=0
patience=2 asked=0
while :; do
    "$python" -I -S "$tap" "$dir" "$lock" "$patience" 2>>"$dir/tap.log"
    case $? in
    0) exit 0 ;;
    75)
        failures=0
        "$python" -m procy.sidecar </dev/null >/dev/null 2>&1 &
        now=$(date +%s)
        [ $((now - asked)) -lt 600 ] || patience=2 # the last one lived long
        asked=$now
        [ "$patience" -ge 60 ] || patience=$((patience * 2))
        ;;
    137 | 143) failures=0 ;; # killed: start again at once
    *)
        failures=$((failures + 1))
        [ "$failures" -lt 20 ] || exec cat >>"$dir/fallback.raw"
        sleep 0.1
        ;;
    esac
done
