"""A recorder process that misbehaves as BAD_RECORDER says; stands in for the real one in test_process.py."""

import os
import signal
import sys
import time

from gateway.recording.protocol import Progress, encode_report

GOOD = encode_report(Progress(camera="cam-1", packets=1, bytes=1, dropped=0))


def rubbish() -> None:
    """Lines that are no reports, among them good ones."""
    sys.stdout.buffer.write(b"hello\n" + GOOD + b"{}\n" + GOOD)
    sys.exit(7)


def endless() -> None:
    """A line that does not seem to end."""
    sys.stdout.buffer.write(GOOD + b"x" * 1_000_000 + b"\n" + GOOD)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


def deaf() -> None:
    """It does not end when it is told to, and goes on talking."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.buffer.write(GOOD)
    sys.stdout.buffer.flush()
    while True:
        time.sleep(0.01)
        sys.stdout.buffer.write(b"no\n")
        sys.stdout.buffer.flush()


def loud() -> None:
    """More on its standard error than any pipe holds, without a line's end."""
    sys.stderr.write("x" * 5_000_000)
    sys.stderr.flush()
    sys.stdout.buffer.write(GOOD)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    sys.stdin.buffer.readline()
    {case.__name__: case for case in (rubbish, endless, deaf, loud)}[os.environ["BAD_RECORDER"]]()
