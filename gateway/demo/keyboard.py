"""Single keys from the terminal, without waiting for the Enter key; the terminal is left as it was found."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator

#: Keys that wait at most; further ones are forgotten.
_WAITING_KEYS = 20
_READ_BYTES = 64


@contextlib.contextmanager
def keyboard() -> Iterator[asyncio.Queue[str]]:
    """The keys as they are pressed. Standard input must be a terminal. Ctrl-C still sends its signal."""
    descriptor = sys.stdin.fileno()
    keys: asyncio.Queue[str] = asyncio.Queue(_WAITING_KEYS)
    loop = asyncio.get_running_loop()

    def read() -> None:
        pressed = os.read(descriptor, _READ_BYTES).decode(errors="ignore")
        if not pressed:
            loop.remove_reader(descriptor)  # the terminal is gone; SIGHUP tells of it
        for key in pressed:
            with contextlib.suppress(asyncio.QueueFull):
                keys.put_nowait(key)

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield keys
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
