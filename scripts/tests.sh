#!/bin/sh
# tests.sh BIN JOBS ARGUMENT…: pytest with these arguments, so many tests at once. Up to three that fail are run once more,
# alone; what passes then is named as unsteady: a busy machine fails nothing, and hides nothing (docs/decisions/0031).
bin=$1 jobs=$2
shift 2
"$bin/python" -m pytest --cache-clear -n "$jobs" --dist worksteal "$@"
status=$?
[ $status -eq 1 ] || exit $status
failed=$("$bin/python" -c 'import json; print(*json.load(open(".pytest_cache/v/cache/lastfailed")), sep="\n")') || exit 1
count=$(printf '%s\n' "$failed" | wc -l)
[ "$count" -le 3 ] || exit 1
printf '\nprocy: once more, alone:\n%s\n' "$failed"
"$bin/python" -m pytest --last-failed "$@" || exit 1
printf '\nprocy: UNSTEADY, failed beside others and passed alone:\n%s\n' "$failed"
