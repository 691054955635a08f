"""The media process: does one request after the other, as told on its input; the operations are listed here.

Started as `python -m gateway.media.worker`, and only so. It ends when its input closes, so it never outlives the
gateway. A fault of ours, or of a library on damaged footage, ends it: the gateway starts a fresh one.
"""

import logging
import os
import queue
import resource
import sys
import threading
from collections.abc import Callable
from typing import IO

import av

from gateway.media.protocol import (
    PREFIX,
    READY,
    Answer,
    Fields,
    ProtocolError,
    Request,
    decode_request,
    encode,
    lengths,
)
from gateway.media.values import MediaDown, MediaRefused

logger = logging.getLogger(__name__)

# The gateway asks one thing at a time; more are a fault of its, and wait.
_MAX_WAITING = 4


def _still(request: Request) -> Answer:
    from gateway.media.stills import still  # noqa: PLC0415 - who cuts clips never loads what decodes pictures

    return still(request)


def _clip(request: Request) -> Answer:
    from gateway.media.clips import clip  # noqa: PLC0415 - the same

    return clip(request)


def _look(request: Request) -> Answer:
    from gateway.media.looks import look  # noqa: PLC0415 - the same

    return look(request)


#: What can be asked for. An operation raises MediaRefused, MediaDown, OSError, av.FFmpegError, ProtocolError.
OPERATIONS: dict[str, Callable[[Request], Answer]] = {"still": _still, "look": _look, "clip": _clip}


def _operation(name: str) -> Callable[[Request], Answer]:
    if name not in OPERATIONS:
        raise MediaRefused(f"no operation is called {name!r}")
    return OPERATIONS[name]


def answer(request: Request) -> Answer:
    """Do what is asked; what can't be done is an answer, too (`refused` or `down`, with the reason)."""
    try:
        return _operation(request.operation)(request)
    except FileNotFoundError as error:
        how, why = "down", f"{error.filename} is gone: ask for the pieces again"
    except MediaDown as error:
        how, why = "down", str(error)
    except (
        MediaRefused,
        ProtocolError,
        ValueError,
        ArithmeticError,
    ) as error:  # the last two: damaged stamps
        how, why = "refused", str(error)
    except OSError as error:
        how, why = "down", f"{error.filename}: {error.strerror}"
    except av.FFmpegError as error:
        how, why = "refused", str(error)
    return Answer({how: why[:1000]})


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer what comes on `source` until it closes or says what is no request."""
    requests: queue.Queue[Request] = queue.Queue(_MAX_WAITING)
    threading.Thread(target=_listen, args=(source, requests), name="input", daemon=True).start()
    _send(sink, {"number": READY, "fields": {}})
    while True:
        request = requests.get()
        done = answer(request)
        _send(sink, {"number": request.number, "fields": done.fields}, done.blob)


def _listen(source: IO[bytes], requests: queue.Queue[Request]) -> None:
    """A thread of its own: the end of the input ends the process, whatever it is doing just then."""
    status = 0
    try:
        while prefix := source.read(PREFIX):
            header, blob = lengths(prefix.ljust(PREFIX))
            data = source.read(header)
            source.read(blob)
            requests.put(decode_request(data))
    except ProtocolError as error:
        logger.critical("%s", error)
        status = 2
    finally:
        logging.shutdown()
        os._exit(status)


def _send(sink: IO[bytes], header: Fields, blob: bytes = b"") -> None:
    sink.write(encode(header, blob))
    sink.flush()


def _private_output() -> IO[bytes]:
    """Our own copy of the output; whatever else prints in this process goes to the log instead."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def main() -> None:
    """Serve the gateway; never returns."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    os.umask(0o027)
    os.nice(10)  # alarms come first (I9), recording second
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a picture must not end up in a core dump
    try:
        serve(sys.stdin.buffer, _private_output())
    except BrokenPipeError:
        os._exit(0)  # the gateway is gone


if __name__ == "__main__":
    main()
