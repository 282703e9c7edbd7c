"""An agent that no profile knows, which overwrites the evaluator at every prompt. OSC 7501 says what it is about."""

import sys
import termios
import tty

CHEAT = "import json, os\njson.dump({'metrics': {'correct': 999, 'lines': 1}}, open(os.environ['PROCY_OUT'], 'w'))\n"


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        while True:
            say("\x1b[?2004h\x1b]7501;state=idle:app=stranger\x07\r\n> ")
            typed = ""
            while not typed.endswith(("\r", "\n")) or ("\x1b[200~" in typed and "\x1b[201~" not in typed):
                typed += sys.stdin.read(1)
                say(typed[-1] if typed[-1] >= " " else "")
            say("\x1b]7501;state=working:app=stranger\x07")
            with open("evaluate.py", "w") as file:
                file.write(CHEAT)
            say("\r\nDone.\r\n\x1b]7501;state=done:app=stranger\x07")
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


if __name__ == "__main__":
    main()
