#!/bin/sh
# link.sh PROGRAM DIRECTORY: a link to the program in that directory, and what to do where the shell does not look there.
# What stands there under that name and is no link of ours stays.
program=$1 directory=$2
link=$directory/$(basename -- "$program")
if [ -e "$link" ] || [ -L "$link" ]; then
    if [ ! -L "$link" ] || [ "$(readlink -- "$link")" != "$program" ]; then
        echo "procy: $link is there already and is another; remove it, or choose: make install BIN_DIR=DIRECTORY" >&2
        exit 1
    fi
fi
mkdir -p -- "$directory" && ln -sf -- "$program" "$link" || exit 1
echo "procy: $link runs $program" >&2
case :$PATH: in
*:"$directory":*) ;;
*) echo "procy: your shell does not look there yet; put this into its start-up file: PATH=\"$directory:\$PATH\"" >&2 ;;
esac
