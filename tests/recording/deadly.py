"""A recorder to which reading a file called `666.mp4` is deadly: stands in for a fault inside the media library."""

import os
import signal
import sys
from typing import Any

import av

from gateway.recording import recorder

_open = av.open


def _deadly(file: str, *args: Any, **kwargs: Any) -> Any:  # Any: handed on to a function with many forms
    if file.endswith("666.mp4"):
        os.kill(os.getpid(), signal.SIGSEGV)
    return _open(file, *args, **kwargs)


if __name__ == "__main__":
    av.open = _deadly  # type: ignore[assignment]  # one form stands for all that the recorder uses
    sys.exit(recorder.main())
