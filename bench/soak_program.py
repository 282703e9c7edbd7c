"""``python -S soak_program.py FILM GO RESULT SPEED SECONDS``: plays a film in its terminal, over and over. Standard library.

``FILM`` is a pickle of (seconds since the piece before, bytes); it begins once ``GO`` is there. ``RESULT`` gets the number and
the SHA-256 of the bytes that were printed, once they all were; then it waits to be ended.
"""

import hashlib
import itertools
import os
import pickle
import sys
import time
import tty


def main() -> None:
    film, go, result, speed, seconds = sys.argv[1:6]
    with open(film, "rb") as file:
        pieces = pickle.load(file)
    tty.setraw(1)
    while not os.path.exists(go):
        time.sleep(0.05)
    digest, count = hashlib.sha256(), 0
    began = time.monotonic()
    due = began
    for interval, data in itertools.cycle(pieces):
        due += interval / float(speed)
        now = time.monotonic()
        if now - began > float(seconds):
            break
        if due - now > 0.002:
            time.sleep(due - now)
        digest.update(data)
        count += len(data)
        while data:
            data = data[os.write(1, data) :]
    with open(f"{result}.new", "w") as file:
        file.write(f"{count} {digest.hexdigest()} {due - began}")
    os.replace(f"{result}.new", result)
    time.sleep(3600)


if __name__ == "__main__":
    main()
