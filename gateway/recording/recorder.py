"""The recorder process: all cameras of a site, one thread each, reports on its output; the only importer of PyAV.

Started as `python -m gateway.recording.recorder`. Its task is the first line on its input, further lines are orders; it
ends when its input or its output closes, so it never outlives the gateway.
"""

import fcntl
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

from gateway.clock import SystemClock
from gateway.recording.guard import Guard
from gateway.recording.lane import Lane
from gateway.recording.leftovers import leftovers, recover, set_aside
from gateway.recording.outlet import Outlet
from gateway.recording.protocol import (
    EXIT_DISK,
    EXIT_FAULT,
    EXIT_NO_TASK,
    Forget,
    Order,
    ProtocolError,
    Recovered,
    Task,
    Unreadable,
    decode_order,
    decode_task,
)
from gateway.recording.reading import MOST_ENDS, ReadingNote
from gateway.recording.syncer import Syncer

logger = logging.getLogger(__name__)

#: How long the threads have to close their files at the end; seconds. What they don't is recovered at the next start.
END_LIMIT_S = 3.0

_LOCK_LIMIT_S = 10.0
_RECOVERY_HEAD_START_S = 5.0
_MAX_TASK_BYTES = 1024 * 1024


class Recorder:
    """All cameras of a task."""

    def __init__(self, task: Task, outlet: Outlet, stop: threading.Event) -> None:
        self._task = task
        self._outlet = outlet
        self._stop = stop
        self._syncer = Syncer(SystemClock())
        self._guard = Guard(SystemClock())
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._began = False
        self._crashed = False
        threading.excepthook = self._crash

    def run(self) -> int:
        """Record until told to stop; the exit code."""
        spool = Path(self._task.spool)
        spool.mkdir(parents=True, exist_ok=True)
        lock = _lock(spool, self._stop)
        note = ReadingNote(spool / ".reading")
        recovery = threading.Thread(
            target=self._recover, args=(leftovers(spool), note), name="recovery", daemon=True
        )
        recovery.start()
        # What was left is told first, but a full spool must not keep cameras waiting.
        recovery.join(_RECOVERY_HEAD_START_S)
        threading.Thread(target=self._syncer.run, args=(self._stop,), name="syncer", daemon=True).start()
        threading.Thread(target=self._guard.run, args=(self._stop,), name="guard", daemon=True).start()
        for camera in self._task.cameras:
            self.obey(camera)
        with self._lock:
            self._began = True
            for lane in self._lanes.values():
                lane.start()
        self._stop.wait()
        deadline = time.monotonic() + END_LIMIT_S
        with self._lock:
            lanes = tuple(self._lanes.values())
        for lane in lanes:
            lane.end()
        for lane in lanes:
            lane.join(max(0.0, deadline - time.monotonic()))
        note.clear()
        lock.close()
        return EXIT_FAULT if self._crashed else 0

    def obey(self, order: Order) -> None:
        """Record a camera, or forget one; the others notice nothing."""
        with self._lock:
            lane = self._lanes.get(order.camera)
            if isinstance(order, Forget):
                if lane is not None:
                    lane.order(None)
            elif lane is not None:
                lane.order(order)
            elif not self._stop.is_set():
                lane = self._lanes[order.camera] = Lane(
                    order, self._task, report=self._outlet.send, syncer=self._syncer, guard=self._guard
                )
                if self._began:
                    lane.start()

    def _recover(self, files: list[tuple[str, Path]], note: ReadingNote) -> None:
        for camera, path in files:
            if self._stop.is_set():
                return
            unreadable = Path(self._task.unreadable) / camera
            found: Recovered | Unreadable | None
            if note.blames(path):
                found = set_aside(path, camera, unreadable, f"reading it ended {MOST_ENDS} recorders")
            else:
                with note.of(path):
                    found = recover(path, camera, unreadable)
            if found is not None:
                self._outlet.send(found)

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


def _take_orders(recorder: Recorder, stop: threading.Event) -> None:
    """Until the end of the input, which is the end."""
    while line := sys.stdin.buffer.readline(_MAX_TASK_BYTES):
        try:
            recorder.obey(decode_order(line))
        except ProtocolError as error:
            logger.warning("%s", error)
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
    recorder = Recorder(task, outlet, stop)
    threading.Thread(target=_take_orders, args=(recorder, stop), name="input", daemon=True).start()
    try:
        code = recorder.run()
    except OSError as error:
        logger.critical("the spool %s can't be used: %s", task.spool, error)
        code = EXIT_DISK
    outlet.close(1.0)
    return code


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # threads that wait for a dead camera would keep a normal exit waiting
