"""Becomes the gateway, after asking the kernel to end it when the demo ends, however that ends.

Started as `python -m gateway.demo.leash DEMO_PID ARGUMENTS…`: the same process is `python -m gateway ARGUMENTS…` then.
The recorder needs no leash: it ends when the gateway's pipe to it closes.
"""

import ctypes
import os
import signal
import sys

#: prctl(2): the signal that this process gets when the thread that started it is gone. An exec keeps it.
_PR_SET_PDEATHSIG = 1


def main(demo: int, arguments: list[str]) -> None:
    """Returns only where the demo (its process id) has ended already. Raises OSError where there is no prctl."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        raise OSError(ctypes.get_errno(), "the gateway can't be bound to the demo's life (prctl)")
    if os.getppid() == demo:
        os.execv(sys.executable, [sys.executable, "-m", "gateway", *arguments])  # noqa: S606 - our own program


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
