"""The recorder process: all cameras of a site, one thread each, reports on its output; the only importer of PyAV.

Started as `python -m gateway.recording.recorder`. Its orders are one line on its input; it ends when its input or
its output closes, so it never outlives the gateway.
"""

import fcntl
import logging
import os
import queue
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

from gateway.clock import SystemClock
from gateway.policy.backoff import Backoff
from gateway.recording.cutter import Interrupted
from gateway.recording.leftovers import leftovers, recover
from gateway.recording.protocol import (
    EXIT_DISK,
    EXIT_FAULT,
    EXIT_NO_TASK,
    MAX_LINE,
    CameraTask,
    ProtocolError,
    Report,
    Task,
    decode_task,
    encode_report,
)
from gateway.recording.remux import Remuxer

logger = logging.getLogger(__name__)

#: Reports that may wait for a gateway that does not read; more are left out, their files stay in the spool.
MAX_WAITING = 10_000
#: How long the threads have to close their files at the end; seconds. What they don't is recovered at the next start.
END_LIMIT_S = 3.0

_LOCK_LIMIT_S = 10.0
_RECOVERY_HEAD_START_S = 5.0
_REFUSED_WAIT_S = 60.0  # cameras lock an account after a few wrong passwords
_HEALTHY_S = 30.0  # an attempt that lasted so long was no failure
_MAX_TASK_BYTES = 1024 * 1024


class Outlet:
    """Reports to the gateway, from any thread, without ever waiting for it."""

    def __init__(self, pipe: IO[bytes], stop: threading.Event) -> None:
        self._pipe = pipe
        self._stop = stop
        self._queue: queue.Queue[Report | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def send(self, report: Report) -> None:
        """Pass the report on; if too many wait it is left out."""
        try:
            self._queue.put_nowait(report)
        except queue.Full:
            logger.warning("the gateway does not listen: %s left out", type(report).__name__)

    def close(self, limit_s: float) -> None:
        """Let what waits go out, for so long at most."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(limit_s)

    def _run(self) -> None:
        while (report := self._queue.get()) is not None:
            try:
                self._pipe.write(encode_report(report))
                self._pipe.flush()
            except OSError:
                self._stop.set()  # the gateway is gone
                return


class Recorder:
    """All cameras of a task."""

    def __init__(self, task: Task, outlet: Outlet, stop: threading.Event) -> None:
        self._task = task
        self._outlet = outlet
        self._stop = stop
        self._crashed = False
        threading.excepthook = self._crash

    def run(self) -> int:
        """Record until told to stop; the exit code."""
        spool = Path(self._task.spool)
        spool.mkdir(parents=True, exist_ok=True)
        lock = _lock(spool, self._stop)
        recovery = threading.Thread(
            target=self._recover, args=(leftovers(spool),), name="recovery", daemon=True
        )
        recovery.start()
        # What was left is told first, but a full spool must not keep cameras waiting.
        recovery.join(_RECOVERY_HEAD_START_S)
        cameras = [
            threading.Thread(target=self._record, args=(camera,), name=camera.camera, daemon=True)
            for camera in self._task.cameras
        ]
        for thread in cameras:
            thread.start()
        self._stop.wait()
        deadline = time.monotonic() + END_LIMIT_S
        for thread in cameras:
            thread.join(max(0.0, deadline - time.monotonic()))
        lock.close()
        return EXIT_FAULT if self._crashed else 0

    def _recover(self, files: list[tuple[str, Path]]) -> None:
        for camera, path in files:
            if self._stop.is_set():
                return
            if (found := recover(path, camera, Path(self._task.unreadable) / camera)) is not None:
                self._outlet.send(found)

    def _record(self, camera: CameraTask) -> None:
        clock = SystemClock()
        remuxer = Remuxer(
            camera.camera, camera.url, task=self._task, clock=clock, report=self._outlet.send, stop=self._stop
        )
        backoff, failures = Backoff(first_s=1.0, longest_s=30.0), 0
        while not self._stop.is_set():
            began = clock.monotonic()
            try:
                remuxer.attempt()
            except Interrupted as interrupted:
                failures = 1 if clock.monotonic() - began > _HEALTHY_S else failures + 1
                wait = backoff.delay(failures, random.random())  # noqa: S311 - spreads attempts, guards nothing
                self._stop.wait(max(wait, _REFUSED_WAIT_S if interrupted.refused else 0.0))

    def _crash(self, args: threading.ExceptHookArgs) -> None:
        """A thread that dies of a fault of ours takes the process with it: the gateway starts a fresh one."""
        name = args.thread.name if args.thread is not None else "thread"
        assert args.exc_value is not None
        logger.critical("%s died", name, exc_info=args.exc_value)
        self._crashed = True
        self._stop.set()


def _lock(spool: Path, stop: threading.Event) -> IO[bytes]:
    """Hold the spool: an earlier recorder may still be closing its files. Raises TimeoutError."""
    lock = (spool / ".lock").open("wb")
    deadline = time.monotonic() + _LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"another recorder holds {spool}") from None
            stop.wait(0.1)
        else:
            return lock


def _await_end_of_input(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(MAX_LINE):
        pass
    stop.set()


def _private_output() -> IO[bytes]:
    """Our own copy of the output; whatever else prints in this process goes to the log instead."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def main() -> int:
    """Read the task, record, report; the exit code, 0 where it ended as told."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    os.umask(0o027)
    os.nice(5)  # alarms come first (I9)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    outlet = Outlet(_private_output(), stop)
    try:
        task = decode_task(sys.stdin.buffer.readline(_MAX_TASK_BYTES))
    except ProtocolError as error:
        logger.critical("%s", error)
        return EXIT_NO_TASK
    threading.Thread(target=_await_end_of_input, args=(stop,), name="input", daemon=True).start()
    try:
        code = Recorder(task, outlet, stop).run()
    except OSError as error:
        logger.critical("the spool %s can't be used: %s", task.spool, error)
        code = EXIT_DISK
    outlet.close(1.0)
    return code


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # threads that wait for a dead camera would keep a normal exit waiting
