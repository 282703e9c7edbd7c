#!/bin/sh
# hosts.sh BIN WANTED: what the tests of hosts need: an ssh server, and Ray in the environment of BIN. They are installed where WANTED
# is not empty (make test HOSTS=1): a server that listens, and 80 MB, are for people to decide. Else those tests are skipped.
PATH="$PATH:/usr/sbin"
here=$(dirname "$0")
if [ -n "$2" ]; then
    sh "$here/need.sh" sshd openssh-server
    "$1/python" -c "import ray" 2>/dev/null ||
        "$1/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
fi
command -v sshd >/dev/null 2>&1 || echo "procy: the tests of hosts will be skipped; to install what they need: make test HOSTS=1" >&2
"$1/python" -c "import ray" 2>/dev/null || echo "procy: the tests on a Ray cluster will be skipped; make test HOSTS=1 installs it" >&2
exit 0
